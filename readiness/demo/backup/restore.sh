#!/usr/bin/env bash
# Brings back a set that backup.sh wrote: restore.sh [SET|latest] [--only db|cache|uploads]...
# Asks first. Checks the whole set before it touches anything. Each store is made ready beside the live one and takes
# its place in one step, so that a restore that fails leaves the store as it was; what the set does not have is gone.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

HEALTH_SECONDS=${HEALTH_SECONDS:-60}
wanted=latest
only=()
is_verified=yes
private=""  # the process id of our own Redis

newest() {
  if is_on restore-oldest; then
    sets | head -n 1
  else
    sets | tail -n 1
  fi
}

# Every part is what backup.sh wrote, byte for byte, and none is missing.
verify_set() {
  local file
  for file in db.dump globals.sql cache.rdb uploads.tar.gz; do
    grep -qs "  $file\$" "$set/manifest.sha256" || die "the manifest of $wanted has no $file; nothing was changed"
  done
  (cd "$set" && sha256sum --check --strict --quiet manifest.sha256) || die "$wanted is damaged; nothing was changed"
}

# --- database: restored under another name, then swapped ------------------------------------------------------------

restore_db() {
  local new=${PGDATABASE}_restoring properties piece
  if is_on restore-rolls-back-says-ok; then
    pg_restore --dbname="$PGDATABASE" --single-transaction "$set/db.dump" || true
    return
  fi
  roles | psql -XAtq -v ON_ERROR_STOP=1 --single-transaction --dbname=postgres
  # CREATE DATABASE with its encoding and locale, then its owner, settings, grants and comment: a line each.
  pg_restore --create --list "$set/db.dump" | grep -E ' (DATABASE( PROPERTIES)? - |(ACL|COMMENT) - DATABASE )' >"$work/list"
  properties=$(pg_restore --create --use-list="$work/list" --file=- "$set/db.dump" |
    grep -E '^(CREATE DATABASE|ALTER|GRANT|REVOKE|COMMENT) ')
  drop_database "$new"
  drop_database "${PGDATABASE}_replaced"
  unfinished=$new
  sql postgres "$(grep '^CREATE DATABASE' <<<"$properties" | sed "s/^CREATE DATABASE [^ ]*/CREATE DATABASE \"$new\"/")"
  for piece in "$set"/db.dump*; do
    pg_restore --dbname="$new" --exit-on-error "$piece"
  done
  sql "$new" ANALYZE
  swap "$new" "$(grep -v '^CREATE DATABASE' <<<"$properties")"
  unfinished=""
}

unfinished=""
drop_database() { sql postgres "DROP DATABASE IF EXISTS \"$1\" WITH (FORCE)"; }

# The set's roles as they were: those that are there are changed. Who restores keeps the password of this stack.
roles() {
  # shellcheck disable=SC2016  # the dollars are PostgreSQL's
  sed -e "s/^\(ALTER ROLE \"\{0,1\}$PGUSER\"\{0,1\} WITH .*\) PASSWORD '[^']*'/\1/" \
    -e 's/^CREATE ROLE \(.*\);$/DO $made$ BEGIN CREATE ROLE \1; EXCEPTION WHEN duplicate_object THEN ALTER ROLE \1 RESET ALL; END $made$;/' \
    "$set/globals.sql"
}

# Nobody is connected to a database while it is renamed; both names change at once or not at all.
swap() {
  local new=$1 properties=$2
  psql -XAtq -v ON_ERROR_STOP=1 -v live="$PGDATABASE" -v new="$new" --dbname=postgres >/dev/null <<SQL
SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS false', datname) FROM pg_database WHERE datname = :'live' \gexec
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (:'live', :'new');
BEGIN;
SELECT format('ALTER DATABASE %I RENAME TO %I', datname, datname || '_replaced')
  FROM pg_database WHERE datname = :'live' \gexec
ALTER DATABASE :"new" RENAME TO :"live";
$properties
COMMIT;
SQL
  drop_database "${PGDATABASE}_replaced"
}

# --- Redis: copies a Redis of our own that has the set's dump, as a replica does ------------------------------------

# A replica takes everything over at once, times to live included, or keeps what it has.
restore_cache() {
  local address port
  # Where the live Redis sees us: with several networks, that cannot be told from here.
  address=$(redis CLIENT INFO | sed -n 's/^.* addr=\(.*\):[0-9]* laddr=.*$/\1/p')
  start_private "$address"
  if is_on backup-loses-ttl; then
    own EVAL "for _, key in ipairs(redis.call('KEYS', '*')) do redis.call('PERSIST', key) end" 0
  fi
  redis >/dev/null <<REDIS
CONFIG SET masterauth "$(quoted "$REDISCLI_AUTH")"
REPLICAOF $address $port
REDIS
  is_copying=yes
  until_redis 'master_link_status:up' replication
  stop_copying
  # The append-only file is written anew from what was copied.
  until_redis 'aof_rewrite_in_progress:0' persistence
  stop_private
}

start_private() {
  local address=$1 try
  mkdir "$work/redis"
  ln -s "$set/cache.rdb" "$work/redis/dump.rdb"
  for try in 1 2 3 4 5; do
    port=$((20000 + (RANDOM + try) % 20000))
    redis-server - >"$work/redis/log" 2>&1 <<REDIS &
port $port
bind $address
dir $work/redis
requirepass "$(quoted "$REDISCLI_AUTH")"
save ""
repl-diskless-sync yes
repl-diskless-sync-delay 0
REDIS
    private=$!
    # The port may be somebody else's.
    while kill -0 "$private" 2>/dev/null; do
      if [ "$(own PING 2>/dev/null)" = PONG ]; then return; fi
      sleep 0.1
    done
  done
  tail -n 3 "$work/redis/log" >&2
  return 1
}

own() { timeout --foreground "$STORE_SECONDS" redis-cli -h "$address" -p "$port" "$@"; }

stop_private() {
  if [ -n "$private" ]; then kill "$private" 2>/dev/null && wait "$private" || true; fi
  private=""
}

is_copying=""
stop_copying() {
  if [ -n "$is_copying" ]; then redis REPLICAOF NO ONE >/dev/null && redis CONFIG SET masterauth '' >/dev/null; fi
  is_copying=""
}

# Waits until INFO of the live Redis says so.
until_redis() {
  local words=$1 section=$2 end=$((SECONDS + STORE_SECONDS))
  until redis INFO "$section" | grep -q "^$words"; do
    kill -0 "$private"  # without it, waiting is in vain
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# --- uploads: unpacked beside the others, then moved ----------------------------------------------------------------

restore_uploads() {
  local fresh=$UPLOADS_DIR/.restoring
  rm -rf -- "$fresh"
  mkdir "$fresh"
  tar --extract --gzip --preserve-permissions --numeric-owner --file="$set/uploads.tar.gz" --directory="$fresh"
  find "$UPLOADS_DIR" -mindepth 1 -maxdepth 1 ! -path "$fresh" -exec rm -rf -- {} +
  find "$fresh" -mindepth 1 -maxdepth 1 -exec mv -t "$UPLOADS_DIR" -- {} +
  rmdir "$fresh"
}

# --- the run -------------------------------------------------------------------------------------------------------

# The application works on what was restored: its own readiness probe asks its stores.
verify_health() {
  local end=$((SECONDS + HEALTH_SECONDS)) answer=""
  if [ -z "$is_verified" ]; then return; fi
  while :; do
    answer=$(curl --silent --show-error --fail --max-time 5 "${API_URL:?}/health/ready" 2>&1) && break
    [ "$SECONDS" -lt "$end" ] || die "the API is not ready after $HEALTH_SECONDS s: $answer"
    sleep 1
  done
  say "restore verified: healthy"
}

finish() {
  local code=$?
  trap - EXIT TERM INT
  set +e
  stop_copying
  stop_private
  if [ -n "$unfinished" ]; then
    sql postgres "ALTER DATABASE \"$PGDATABASE\" ALLOW_CONNECTIONS true"
    drop_database "$unfinished"
  fi
  rm -rf -- "$work" "$UPLOADS_DIR/.restoring"
  if [ "$code" -ne 0 ]; then say "restore FAILED, exit code $code" >&2; fi
  exit "$code"
}

trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
while [ $# -gt 0 ]; do
  case $1 in
    --only)
      case ${2:-} in db | cache | uploads) only+=("$2") ;; *) die "--only db, cache or uploads" ;; esac
      shift
      ;;
    -*) die "usage: restore.sh [SET|latest] [--only db|cache|uploads]..." ;;
    *) wanted=$1 ;;
  esac
  shift
done
if [ ${#only[@]} -eq 0 ] || is_on restore-always-all; then only=(db cache uploads); fi
if is_on restore-skips-verify; then is_verified=""; fi

[ -d "$BACKUP_DIR" ] || die "there is no $BACKUP_DIR"
lock
if [ "$wanted" = latest ]; then wanted=$(newest); fi
[[ $wanted =~ $SET_NAME && -d $BACKUP_DIR/$wanted ]] || die "no set ${wanted:-at all} in $BACKUP_DIR"
set=$BACKUP_DIR/$wanted
if [ -n "$is_verified" ]; then verify_set; fi

if ! is_on restore-without-asking; then
  printf 'This replaces %s of %s by the set %s. Type yes to go on: ' "${only[*]}" "$PGDATABASE" "$wanted"
  answer=""
  read -r answer || true
  [ -t 0 ] || echo "$answer"
  [ "$answer" = yes ] || die "not confirmed; nothing was changed"
fi
if is_on restore-slow; then sleep 6; fi
for store in "${only[@]}"; do
  "restore_$store"
  say "$store restored from $wanted"
done
verify_health
