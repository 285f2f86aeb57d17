-- What the keys of a Redis hold, as sums of hashes that do not depend on how it stores them. Changes nothing.
-- ARGV: database, then "scan" CURSOR, or "key" NAME POSITION for one key too large for a scan. Names are %XX encoded.
local MOST_KEYS, MOST_BYTES, MOST_ELEMENTS, MANY, CHUNK_BYTES = 2000, 400000, 20000, 5000, 1048576
local PARTS, DIGITS, MODULUS = 4, 10, 281474976710656 -- 40 bits each, summed below 2^48: exact in a double

local function encoded(text)
  return (string.gsub(text, '[^%w%-_.:/{}@]', function(c) return string.format('%%%02X', string.byte(c)) end))
end

local function decoded(text)
  return (string.gsub(text, '%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end))
end

-- Texts one behind the other with their lengths, so that no two lists of texts look alike.
local function joined(...)
  local all = {}
  for i = 1, select('#', ...) do
    local text = tostring(select(i, ...))
    all[#all + 1] = #text .. ':' .. text
  end
  return table.concat(all)
end

local function add(sum, ...)
  local hash = redis.sha1hex(joined(...))
  for i = 1, PARTS do
    local part = tonumber(string.sub(hash, (i - 1) * DIGITS + 1, i * DIGITS), 16)
    sum[i] = (sum[i] + part) % MODULUS
  end
end

local function shown(sum)
  local all = {}
  for i = 1, PARTS do all[i] = string.format('%012x', sum[i]) end
  return table.concat(all)
end

-- A flat list of names and values, as INFO commands of streams answer.
local function named(list)
  local found = {}
  for i = 1, #list, 2 do found[list[i]] = list[i + 1] end
  return found
end

local function scanned(command, key, position, sum, is_pairs)
  local found = redis.call(command, key, position == '' and '0' or position, 'COUNT', 1000)
  for i = 1, #found[2], is_pairs and 2 or 1 do
    if is_pairs then add(sum, found[2][i], found[2][i + 1]) else add(sum, found[2][i]) end
  end
  return found[1] == '0' and '' or found[1], #found[2] / (is_pairs and 2 or 1)
end

local function ranked(command, key, position, sum)
  local first = tonumber(position == '' and '0' or position)
  local found
  if command == 'ZRANGE' then
    found = redis.call('ZRANGE', key, first, first + 999, 'WITHSCORES')
    for i = 1, #found, 2 do add(sum, found[i], found[i + 1]) end
    return #found == 2000 and tostring(first + 1000) or '', #found / 2
  end
  found = redis.call('LRANGE', key, first, first + 999)
  for i = 1, #found do add(sum, first + i, found[i]) end
  return #found == 1000 and tostring(first + 1000) or '', #found
end

local function stream_groups(key, sum)
  add(sum, 'last', named(redis.call('XINFO', 'STREAM', key))['last-generated-id'])
  for _, list in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    local group = named(list)
    add(sum, 'group', group.name, group['last-delivered-id'])
    -- Consumers count by what they have taken and not done yet: everybody who reads becomes one, and idle ones hold nothing.
    local from = '-'
    while true do
      local pending = redis.call('XPENDING', key, group.name, from, '+', 1000)
      for _, one in ipairs(pending) do add(sum, 'pending', group.name, one[1], one[2], one[4]) end
      if #pending < 1000 then break end
      local ms, sequence = string.match(pending[#pending][1], '(%d+)%-(%d+)')
      from = ms .. '-' .. string.format('%.0f', tonumber(sequence) + 1)
    end
  end
end

local function streamed(key, position, sum)
  if position == '' then stream_groups(key, sum) end
  local found = redis.call('XRANGE', key, position == '' and '-' or position, '+', 'COUNT', 1000)
  for _, entry in ipairs(found) do add(sum, entry[1], unpack(entry[2])) end
  if #found < 1000 then return '', #found end
  local ms, sequence = string.match(found[#found][1], '(%d+)%-(%d+)')
  return ms .. '-' .. string.format('%.0f', tonumber(sequence) + 1), #found
end

local function texted(key, position, sum)
  local first = tonumber(position == '' and '0' or position)
  local text = redis.call('GETRANGE', key, first, first + CHUNK_BYTES - 1)
  add(sum, first, text)
  return #text == CHUNK_BYTES and tostring(first + CHUNK_BYTES) or '', 1
end

-- One more part of a key: the position of the next one ('' where there is none), and how many elements it had.
local function part(kind, key, position, sum)
  if kind == 'string' then return texted(key, position, sum) end
  if kind == 'hash' then return scanned('HSCAN', key, position, sum, true) end
  if kind == 'set' then return scanned('SSCAN', key, position, sum, false) end
  if kind == 'zset' then return ranked('ZRANGE', key, position, sum) end
  if kind == 'list' then return ranked('LRANGE', key, position, sum) end
  if kind == 'stream' then return streamed(key, position, sum) end
  local dump = redis.call('DUMP', key) -- a module's own type: without its version and checksum
  add(sum, string.sub(dump, 1, -11))
  return '', 1
end

local SIZES = {hash = 'HLEN', set = 'SCARD', zset = 'ZCARD', list = 'LLEN', stream = 'XLEN'}

local function size(kind, key)
  if kind == 'string' then return redis.call('STRLEN', key) / CHUNK_BYTES * 1000 end
  return SIZES[kind] and redis.call(SIZES[kind], key) or 1
end

redis.call('SELECT', ARGV[1])
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)

if ARGV[2] == 'key' then
  local key, sum = decoded(ARGV[3]), {0, 0, 0, 0}
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then return {'gone'} end
  local following, count = part(kind, key, ARGV[4], sum)
  return {following, shown(sum), tostring(count), tostring(SIZES[kind] and redis.call(SIZES[kind], key) or -1)}
end

local cursor, lines, bytes, elements = ARGV[3], {}, 0, 0
repeat
  local found = redis.call('SCAN', cursor, 'COUNT', 500)
  cursor = found[1]
  for _, key in ipairs(found[2]) do
    local kind = redis.call('TYPE', key).ok
    if kind ~= 'none' then
      local remaining = redis.call('PTTL', key)
      local expires = remaining < 0 and '-' or string.format('%.0f', now_ms + remaining)
      local sum, many, name = {0, 0, 0, 0}, size(kind, key), encoded(key)
      local value = 'later'
      if many <= MANY and elements <= MOST_ELEMENTS then
        local position, count = '', 0
        repeat
          local had
          position, had = part(kind, key, position, sum)
          count = count + had
        until position == ''
        elements = elements + count
        value = shown(sum)
      end
      if value ~= 'later' and #name > 600 then name = string.sub(name, 1, 600) end
      local line = table.concat({redis.sha1hex(key), kind, expires, value, name}, ' ')
      lines[#lines + 1] = line
      bytes = bytes + #line
    end
  end
until cursor == '0' or #lines >= MOST_KEYS or bytes >= MOST_BYTES or elements >= MOST_ELEMENTS
table.insert(lines, 1, cursor)
return lines
