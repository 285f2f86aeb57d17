"""Which keys of a Redis hold a text: one script, read only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from readiness.instruments.stores import ask_redis
from readiness.runtime import Stack

__all__ = ["MAX_KEYS", "find_in_redis"]

#: Keys that a Redis of a throw-away copy holds; a script that walks more would hold up the service.
MAX_KEYS = 20_000

#: Every key of every logical database whose name or value holds the text, with its time to live: one round trip, read only.
#: ``unread`` counts keys that are longer than what is read of them, or of a module's own type.
_FIND = f"""
local found, seen, unread = {{}}, 0, 0
local function has(value)
  if type(value) == 'table' then
    for _, part in ipairs(value) do if has(part) then return true end end
    return false
  end
  return string.find(tostring(value), ARGV[1], 1, true) ~= nil
end
local reads = {{string = {{'GET'}}, hash = {{'HGETALL'}}, list = {{'LRANGE', '0', '999'}}, set = {{'SMEMBERS'}},
  zset = {{'ZRANGE', '0', '999'}}, stream = {{'XREVRANGE', '+', '-', 'COUNT', '1000'}}}}
local lengths = {{list = 'LLEN', zset = 'ZCARD', stream = 'XLEN'}}
for number in string.gmatch(redis.call('INFO', 'keyspace'), 'db(%d+):') do
  redis.call('SELECT', number)
  local cursor = '0'
  repeat
    local page = redis.call('SCAN', cursor, 'COUNT', 500)
    cursor = page[1]
    for _, key in ipairs(page[2]) do
      seen = seen + 1
      local kind = redis.call('TYPE', key)['ok']
      local read, length = reads[kind], lengths[kind]
      local hit = has(key)
      if not hit and read then
        hit = has(redis.call(read[1], key, unpack(read, 2)))
      end
      if hit then
        table.insert(found, redis.call('PTTL', key))
      elseif not read or (length and redis.call(length, key) > 1000) then
        unread = unread + 1
      end
    end
  until cursor == '0' or seen > {MAX_KEYS}
end
redis.call('SELECT', '0')
local now = redis.call('TIME')
return cjson.encode({{found = found, seen = seen, unread = unread,
  now = tonumber(now[1]) + tonumber(now[2]) / 1000000}})
"""


def find_in_redis(stack: Stack, service: str, text: str, *, users: Iterable[str] = ()) -> Mapping[str, Any]:
    """What the search found: ``found`` times to live in milliseconds, ``seen``, ``unread``, ``now``.

    Args:
        stack: where it runs.
        service: the Redis.
        text: what is looked for in names and values.
        users: services whose variables may hold its password.

    Raises:
        GatherError, StackError: it cannot be asked.
        ValueError: it answers something else.
    """
    found = json.loads(ask_redis(stack, service, ("EVAL", _FIND, "0", text), users=users))
    return found if isinstance(found, dict) else {}
