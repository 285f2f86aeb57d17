#!/bin/sh
# Becomes the Redis server; arguments go to it, and after them the words of
# REDIS_ARGS. The password comes on standard input, where no process list shows it.
# No replica but the backup ever asks for a snapshot: nobody else is waited for.
set -eu
exec redis-server - --appendonly yes --save '' --maxmemory 64mb --maxmemory-policy volatile-ttl \
  --repl-diskless-sync-delay 0 "$@" ${REDIS_ARGS:-} <<CONFIG
requirepass ${REDIS_PASSWORD:?}
CONFIG
