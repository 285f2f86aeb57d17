# shellcheck shell=bash
# What backup.sh and restore.sh share: settings, and how the stores are reached. Sourced by them, not run.

# Dumps hold everything that the stores protect: nobody else may read them.
umask 077

BACKUP_DIR=${BACKUP_DIR:-/backups}
UPLOADS_DIR=${UPLOADS_DIR:-/uploads}
# A store that takes connections and says nothing must not hold a backup for ever.
STORE_SECONDS=${STORE_SECONDS:-3600}
# A set's name is the moment at which it was begun, in UTC.
SET_NAME='^[0-9]{8}_[0-9]{6}$'

export PGHOST=${DATABASE_HOST:?} PGPORT=${DATABASE_PORT:-5432} PGUSER=${DATABASE_USER:-shop}
export PGDATABASE=${DATABASE_NAME:-shop} PGCONNECT_TIMEOUT=10 PGAPPNAME=shop-backup
export PGOPTIONS="-c client_min_messages=warning"

# Passwords reach the programs through a file and a variable: arguments can be read by every process.
work=$(mktemp -d)
escaped=${DATABASE_PASSWORD:?}
escaped=${escaped//\\/\\\\}
printf '*:*:*:*:%s\n' "${escaped//:/\\:}" >"$work/pgpass"
export PGPASSFILE=$work/pgpass REDISCLI_AUTH=${REDIS_PASSWORD:?}

say() { printf '%s %s\n' "$(date -u +%H:%M:%S)" "$*"; }

die() {
  say "$*" >&2
  exit 1
}

# One statement, in the database that is named first.
sql() { psql -XAtq -v ON_ERROR_STOP=1 -d "$1" -c "$2"; }

# In the foreground: whoever stops the script by its process group stops this, too.
redis() { timeout --foreground "$STORE_SECONDS" redis-cli -h "${REDIS_HOST:?}" -p "${REDIS_PORT:-6379}" "$@"; }

# A text as it stands between double quotes in what curl and Redis read.
quoted() {
  local text=${1//\\/\\\\}
  printf '%s' "${text//\"/\\\"}"
}

# One command at a time works on the sets; a second one waits for the first.
lock() {
  exec 9<"$BACKUP_DIR"
  flock -w "$STORE_SECONDS" 9 || die "another backup or restore has been running for $STORE_SECONDS s"
}

# The names of all finished sets, oldest first.
sets() {
  local path
  for path in "$BACKUP_DIR"/*; do
    if [[ ${path##*/} =~ $SET_NAME ]]; then echo "${path##*/}"; fi
  done
}

# Whether the demo is to make a mistake; for anybody's own use, remove every line that asks.
is_on() { [[ ",${SHOP_DEFECTS:-}," == *",$1,"* ]]; }
