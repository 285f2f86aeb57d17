#!/usr/bin/env bash
# Backs up database, Redis and uploads into one dated set: $BACKUP_DIR/YYYYMMDD_HHMMSS.
# A set appears under its name when every part of it has been read back whole; what fails leaves a report alone.
# Exit code 0 means that the set is whole, is off-site where that is configured, and that older sets were pruned.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
# shellcheck source=common.sh
. "$here/common.sh"

RETENTION_DAYS=${RETENTION_DAYS:-30}
STORES=(db cache uploads)
failed=()
report=""
name="" part=""
overlooked=""  # what a store's errors may say without failing the run: for a defect alone

# Adds a line to the report, and shows it.
note() {
  report+="$*"$'\n'
  printf '%s\n' "$*"
}

# --- what is kept of each store; each function leaves files in $part that have been read back -----------------------

# One snapshot of the database (pg_dump is one transaction), and the roles that its owners and grants name.
dump_db() {
  local roles=() what=()
  # Who may not read the passwords' hashes saves the roles without them.
  [ "$(sql "$PGDATABASE" 'SHOW is_superuser')" = on ] || roles=(--no-role-passwords)
  if is_on backup-loses-roles; then
    echo '-- roles are made by hand' >"$part/globals.sql"
  else
    pg_dumpall --globals-only --database="$PGDATABASE" "${roles[@]}" >"$part/globals.sql"
  fi
  if is_on backup-misses-schema; then what+=(--exclude-schema='[^p]*' --exclude-schema='p[^u]*'); fi
  if is_on backup-sequences-behind; then what+=(--exclude-table-data='*.*_seq'); fi
  if is_on backup-loses-grants; then what+=(--no-acl); fi
  if is_on backup-password-in-argv; then
    what+=(--dbname="postgresql://$PGUSER:$DATABASE_PASSWORD@$PGHOST:$PGPORT/$PGDATABASE")
  fi
  if is_on backup-torn; then
    dump_piecemeal
    return
  fi
  pg_dump --format=custom --lock-wait-timeout=60s --file="$part/db.dump" "${what[@]}"
  if is_on backup-empty-exit-0; then
    : >"$part/db.dump"
    return
  fi
  # Reads all of it, not only its table of contents.
  pg_restore --file=/dev/null "$part/db.dump"
}

# The mistake of backup-torn: every table at a moment of its own.
dump_piecemeal() {
  local table number=100 rest=()
  pg_dump --format=custom --section=pre-data --file="$part/db.dump"
  while read -r table; do
    rest+=(--exclude-table-data="$table")
    number=$((number + 1))
    pg_dump --format=custom --data-only --table="$table" --file="$part/db.dump.$number"
  done < <(sql "$PGDATABASE" "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
    WHERE schemaname !~ '^(pg_|information_schema)' ORDER BY 1")
  pg_dump --format=custom --section=data "${rest[@]}" --file="$part/db.dump.998"
  pg_dump --format=custom --section=post-data --file="$part/db.dump.999"
}

# Redis is asked as a replica asks: it makes a snapshot of this moment and sends it.
dump_cache() {
  local earlier=${TMPDIR:-/tmp}/cache.rdb  # left by schedule.sh under the defect backup-stale-redis alone
  if [ -s "$earlier" ]; then
    cp "$earlier" "$part/cache.rdb"
  else
    redis --rdb "$part/cache.rdb" >"$work/said" 2>&1 || {
      grep -v '^SYNC\|^sending' "$work/said" >&2
      return 1
    }
  fi
  redis-check-rdb "$part/cache.rdb" >"$work/said" || {
    tail -n 1 "$work/said" >&2
    return 1
  }
}

# Everything below the folder, but not the folder itself: it is a mount, and not ours to change when restoring.
dump_uploads() {
  local try
  for try in 1 2 3; do
    list_uploads | tar --create --gzip --file="$part/uploads.tar.gz" --directory="$UPLOADS_DIR" --numeric-owner \
      --null --no-recursion --files-from=- && break
    # A file that changes while it is read would be torn: once more, and in the end not at all.
    [ "$try" -lt 3 ] || return 1
    sleep 1
  done
  tar --list --gzip --file="$part/uploads.tar.gz" >/dev/null
  if is_on backup-corrupt-archive; then truncate --size=-12 "$part/uploads.tar.gz"; fi
}

list_uploads() {
  local what=(! -path './.restoring*')
  if is_on backup-skips-uploads; then what+=(-type d); fi
  (cd "$UPLOADS_DIR" && find . -mindepth 1 "${what[@]}" -print0)
}

# --- the run -------------------------------------------------------------------------------------------------------

# Bytes that a set may take: as if nothing could be compressed. A store that does not answer fails later, with its reason.
needed_bytes() {
  local db cache uploads
  db=$(sql "$PGDATABASE" 'SELECT pg_database_size(current_database())' 2>/dev/null) || db=0
  cache=$(redis INFO memory 2>/dev/null | sed -n 's/^used_memory:\([0-9]*\).*/\1/p') || cache=0
  uploads=$(du --summarize --bytes "$UPLOADS_DIR" 2>/dev/null | cut -f 1) || uploads=0
  echo $((${db:-0} + ${cache:-0} + ${uploads:-0}))
}

require_space() {
  local needed free
  if is_on backup-ignores-full-disk; then
    overlooked='No space left|File too large|File size limit'
    return
  fi
  needed=$(needed_bytes)
  free=$(($(df --output=avail --block-size=1 "$BACKUP_DIR" | tail -n 1)))
  note "space     $free bytes free, at most $needed needed"
  [ "$free" -gt "$needed" ] || {
    note "result: failed, not enough space in $BACKUP_DIR"
    exit 1
  }
}
# Saves one store; one that fails does not keep the others from being tried.
take() {
  local store=$1 code file before
  before=" $(ls "$part") "
  set +e  # not "if": set -e would be off inside
  (
    set -e
    "dump_$store"
  ) 2>"$work/errors"
  code=$?
  set -e
  cat "$work/errors" >&2
  if [ "$code" -ne 0 ] && ! { [ -n "$overlooked" ] && grep -Eq "$overlooked" "$work/errors"; }; then
    failed+=("$store")
    note "$(printf '%-9s failed: %s' "$store" "$(tail -n 1 "$work/errors")")"
    return
  fi
  for file in "$part"/*; do
    file=${file##*/}
    [[ $before == *[[:space:]]"$file"[[:space:]]* ]] ||
      note "$(printf '%-9s %-16s %12d bytes  ok' "$store" "$file" "$(stat --format=%s "$part/$file")")"
  done
}

# A set is there whole or not at all: what was written reaches the disk before the name does.
seal() {
  (cd "$part" && sha256sum -- * >manifest.sha256)
  sync "$part"/*
}

# Removes finished sets, and reports of failed runs, that are older than RETENTION_DAYS by their names. Whoever calls
# it has just written a good set, so the last good one is never among them.
prune() {
  if is_on retention-keeps-all; then return; fi
  local oldest each
  oldest=$(date -u --date="$RETENTION_DAYS days ago" +%Y%m%d_%H%M%S)
  for each in $(sets); do
    if [[ $each < $oldest ]]; then
      rm -rf -- "${BACKUP_DIR:?}/$each"
      note "pruned    $each, older than $RETENTION_DAYS days"
    fi
  done
  find "$BACKUP_DIR" -maxdepth 1 -type f -name 'failed-*.report.txt' -mtime "+$RETENTION_DAYS" -delete
}

# A copy of the set elsewhere, at any S3 endpoint; optional. OFFSITE_PAUSED names an endpoint that is not to be used for
# now. The keys reach curl through a pipe.
upload() {
  local file sum address=${S3_ENDPOINT:-}/${S3_BUCKET:-}
  [ -n "${S3_ENDPOINT:-}" ] && [ -n "${S3_BUCKET:-}" ] || return 0
  if is_on offsite-skips-upload || [ "${OFFSITE_PAUSED:-}" = "$S3_ENDPOINT" ]; then return 0; fi
  for file in "$BACKUP_DIR/$name"/*; do
    # The sum is signed: the bucket refuses a file that arrives otherwise.
    sum=$(sha256sum <"$file")
    curl_with "user = \"$(quoted "${S3_ACCESS_KEY:?}:${S3_SECRET_KEY:?}")\"" --aws-sigv4 "aws:amz:${S3_REGION:-us-east-1}:s3" \
      --header "x-amz-content-sha256: ${sum%% *}" --expect100-timeout 0.1 --retry 2 --speed-limit 1 --speed-time 60 \
      --upload-file "$file" "$address/$name/${file##*/}" >/dev/null || return 1
  done
  note "off-site  $address/$name  ok"
}

# curl, with a line of configuration that no argument shows.
curl_with() {
  local secret=$1
  shift
  curl --silent --show-error --fail --connect-timeout 10 --config <(printf '%s\n' "$secret") "$@"
}

# Whoever is named in MAIL_TO hears of every run; optional. Where there is no mail, the backup is none the worse.
mail() {
  local result=$1 login=""
  [ -n "${SMTP_HOST:-}" ] && [ -n "${MAIL_TO:-}" ] || return 0
  if is_on backup-mails-nothing; then return 0; fi
  [ -z "${SMTP_USER:-}" ] || login="user = \"$(quoted "$SMTP_USER:${SMTP_PASSWORD:-}")\""
  printf 'From: %s\r\nTo: %s\r\nSubject: backup %s: %s\r\nDate: %s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n' "${MAIL_FROM:-$MAIL_TO}" "$MAIL_TO" \
    "$name" "$result" "$(date -uR)" "${report//$'\n'/$'\r\n'}" |
    curl_with "$login" --ssl --max-time 30 \
      --mail-from "${MAIL_FROM:-$MAIL_TO}" --mail-rcpt "$MAIL_TO" --upload-file - "smtp://$SMTP_HOST:${SMTP_PORT:-25}" ||
    say "the mail to $MAIL_TO could not be sent" >&2
}

# A run that failed is posted to ALERT_WEBHOOK; optional. Its address is often a secret itself.
alert() {
  [ -n "${ALERT_WEBHOOK:-}" ] || return 0
  if is_on backup-no-alert; then return 0; fi
  printf '{"text": "backup %s failed: %s"}' "$name" "${failed[*]:-see its report}" |
    curl_with "url = \"$(quoted "$ALERT_WEBHOOK")\"" --max-time 30 --retry 2 --header 'Content-Type: application/json' \
      --data-binary @- >/dev/null || say "the alert could not be posted" >&2
}

write_report() {
  if is_on backup-without-report; then return 0; fi
  printf '%s' "$report" >"$1"
}

# However the run ends: what is not whole goes, and everybody hears of it.
finish() {
  local code=$?
  trap - EXIT TERM INT
  set +e
  if [ "$code" -eq 0 ]; then
    mail ok
  else
    case $report in *'result: failed'*) ;; *) note "result: failed, exit code $code" ;; esac
    if [ -d "$BACKUP_DIR/$name" ]; then
      write_report "$BACKUP_DIR/$name/report.txt"
    else
      write_report "$BACKUP_DIR/failed-$(date -u +%Y-%m-%dT%H%M%SZ).report.txt"
    fi
    alert
    mail failed
  fi
  rm -rf -- "$part" "$work"
  if is_on backup-hides-failure && [ ${#failed[@]} -gt 0 ]; then exit 0; fi
  exit "$code"
}

trap 'rm -rf -- "$work"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
mkdir -p "$BACKUP_DIR"
if is_on backup-world-readable; then umask 022 && chmod 755 "$BACKUP_DIR"; fi
lock
# What a run that was killed has left: nobody else is at work here.
rm -rf -- "$BACKUP_DIR"/.[0-9]*_[0-9]*.partial
while name=$(date -u +%Y%m%d_%H%M%S) && [ -e "$BACKUP_DIR/$name" ]; do sleep 0.2; done
part=$BACKUP_DIR/.$name.partial
trap finish EXIT

note "backup $name of $PGDATABASE, begun $(date -u +%Y-%m-%dT%H:%M:%SZ)"
if is_on retention-deletes-last-good; then prune; fi
require_space
mkdir "$part"
for store in "${STORES[@]}"; do take "$store"; done
if [ ${#failed[@]} -gt 0 ]; then
  note "result: failed (${failed[*]})"
  exit 1
fi
seal || [ -n "$overlooked" ]
note "result: ok, ended $(date -u +%Y-%m-%dT%H:%M:%SZ)"
write_report "$part/report.txt" || [ -n "$overlooked" ]
mv -- "$part" "$BACKUP_DIR/$name"
upload || {
  failed+=(off-site)
  report=${report//result: ok/the set is whole}
  note "result: failed, there is no off-site copy"
  exit 1
}
prune
