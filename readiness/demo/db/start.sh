#!/bin/sh
# Makes the database on the first start, then becomes the server; arguments go to the server.
# Serves the container and the local process alike: only PATH, PGDATA and the arguments differ.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  secret=$(mktemp)
  trap 'rm -f "$secret"' EXIT
  printf '%s\n' "${POSTGRES_PASSWORD:?}" >"$secret"
  initdb -D "$PGDATA" -U "${POSTGRES_USER:?}" --pwfile="$secret" --auth-local=trust --auth-host=scram-sha-256 \
    -E UTF8 --locale=C ${POSTGRES_INITDB_ARGS:-} >/dev/null
  rm -f "$secret"
  trap - EXIT
  printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
  printf 'CREATE DATABASE "%s";\n' "${POSTGRES_DB:?}" | postgres --single -D "$PGDATA" -j postgres >/dev/null
fi
exec postgres -D "$PGDATA" "$@"
