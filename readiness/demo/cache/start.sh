#!/bin/sh
# Becomes the Redis server; arguments go to it, and after them the words of
# REDIS_ARGS. The password comes on standard input, where no process list shows it.
set -eu
exec redis-server - --appendonly yes --save '' --maxmemory 64mb --maxmemory-policy volatile-ttl "$@" ${REDIS_ARGS:-} <<CONFIG
requirepass ${REDIS_PASSWORD:?}
CONFIG
