#!/bin/sh
# Becomes the Redis server; arguments go to it. The password comes on standard input, where no process list shows it.
set -eu
exec redis-server - --appendonly "${REDIS_APPENDONLY:-yes}" --save '' --maxmemory 64mb --maxmemory-policy volatile-ttl "$@" <<CONFIG
requirepass ${REDIS_PASSWORD:?}
CONFIG
