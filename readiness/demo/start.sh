#!/usr/bin/env bash
# Bring the shop up, say how far every service is, and return as soon as all are healthy.
# Gives up after START_LIMIT_SECONDS (180), names what is not healthy, and fails.
set -euo pipefail
cd "$(dirname "$0")"

limit=${START_LIMIT_SECONDS:-180}
declare -A said=()

# The services that have to be healthy, one "NAME HEALTH" per line; those without a health check have to run.
standing() {
  docker compose ps --all --format '{{.Service}} {{.State}} {{.Health}}' |
    while read -r name state health; do
      if [ "$state" = running ]; then echo "$name ${health:-healthy}"; else echo "$name $state"; fi
    done
}

docker compose up --detach

while true; do
  waiting=()
  services=$(standing)
  while read -r name health; do
    [ -n "$name" ] || continue
    if [ "${said[$name]:-}" != "$health" ]; then
      said[$name]=$health
      echo "${SECONDS} s  $name: $health"
    fi
    [ "$health" = healthy ] || waiting+=("$name")
  done <<<"$services"

  if [ ${#said[@]} -gt 0 ] && [ ${#waiting[@]} -eq 0 ]; then
    echo "all healthy after ${SECONDS} s"
    exit 0
  fi
  if [ "$SECONDS" -ge "$limit" ]; then
    echo "not healthy after ${SECONDS} s: ${waiting[*]:-nothing runs}; see: docker compose logs ${waiting[*]:-}" >&2
    exit 1
  fi
  sleep 1
done
