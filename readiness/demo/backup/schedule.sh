#!/usr/bin/env bash
# Runs backup.sh whenever BACKUP_CRON says so, until it is told to stop.
# Debian's cron wants to be root and to write below /run and /var, and its busybox has no crond: this loop runs as
# anybody on a read-only file system. Five fields as in crontab(5), numbers only; the time zone is TZ's, else UTC.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)

BACKUP_CRON=${BACKUP_CRON:-0 2 * * *}
# Touched every few seconds: the health check looks at its age.
alive=${TMPDIR:-/tmp}/schedule.alive
command=$here/backup.sh
running=""

say() { printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"; }

is_on() { [[ ",${SHOP_DEFECTS:-}," == *",$1,"* ]]; }

# Whether a number is in a field: *, 5, 1-5, */10, 1-30/5, or a list of those.
matches() {
  local field=$1 value=$2 lowest=$3 highest=$4 items item step from to
  IFS=, read -ra items <<<"$field"
  for item in "${items[@]}"; do
    step=1
    case $item in */*) step=${item#*/} ;; esac
    item=${item%/*}
    case $item in
      '*') from=$lowest to=$highest ;;
      *-*) from=${item%-*} to=${item#*-} ;;
      *) from=$item to=$item ;;
    esac
    # 10#: a leading zero makes no octal number.
    if ((value >= 10#$from && value <= 10#$to && (value - 10#$from) % 10#$step == 0)); then return 0; fi
  done
  return 1
}

# Where both days are restricted, either will do, as in crontab(5). Sunday is 0 and 7.
is_due() {
  local -i minute=$1 hour=$2 day=$3 month=$4 weekday=$5
  matches "${fields[0]}" $minute 0 59 && matches "${fields[1]}" $hour 0 23 && matches "${fields[3]}" $month 1 12 ||
    return 1
  local by_day=no by_weekday=no
  if matches "${fields[2]}" $day 1 31; then by_day=yes; fi
  if matches "${fields[4]}" $weekday 0 7 || { [ $weekday -eq 0 ] && matches "${fields[4]}" 7 0 7; }; then
    by_weekday=yes
  fi
  if [[ ${fields[2]} == '*'* || ${fields[4]} == '*'* ]]; then
    [ $by_day$by_weekday = yesyes ]
  else
    [ $by_day$by_weekday != nono ]
  fi
}

begin() {
  if [ -n "$running" ] && kill -0 "$running" 2>/dev/null; then
    say "the backup before this one still runs; left out"
    return
  fi
  set -m  # in a process group of its own, which can be stopped whole
  "$command" 9<&- &
  running=$!
  set +m
}

stop() {
  trap - TERM INT
  if [ -n "$running" ]; then kill -TERM -- "-$running" 2>/dev/null && wait "$running" || true; fi
  say "schedule ends"
  exit 0
}

IFS=' ' read -ra fields <<<"$BACKUP_CRON"
item='(\*|[0-9]+(-[0-9]+)?)(/0*[1-9][0-9]*)?'
for field in "${fields[@]}"; do
  [[ $field =~ ^$item(,$item)*$ ]] || fields=()
done
if [ ${#fields[@]} -ne 5 ]; then
  say "BACKUP_CRON='$BACKUP_CRON' is not five fields of numbers" >&2
  exit 2
fi
if is_on cron-never-fires; then command=/usr/local/bin/backup.sh; fi
if is_on backup-stale-redis; then
  REDISCLI_AUTH=$REDIS_PASSWORD redis-cli -h "$REDIS_HOST" -p "${REDIS_PORT:-6379}" --rdb "${TMPDIR:-/tmp}/cache.rdb"
fi

trap stop TERM INT
say "backups at $BACKUP_CRON"
last=$(date +%Y%m%d%H%M)
while :; do
  touch "$alive"
  read -r now minute hour day month weekday < <(date '+%Y%m%d%H%M %-M %-H %-d %-m %w')
  if [ "$now" != "$last" ]; then
    last=$now
    if is_due "$minute" "$hour" "$day" "$month" "$weekday"; then begin; fi
  fi
  sleep 5 &
  wait $! || true
done
