-- Keys of every type, with and without time to live. Arguments: database, beginning of the keys, two times to live.
redis.call('SELECT', ARGV[1])
local made, refused = 0, ''
local function put(name, ...)
  for index, seconds in ipairs({false, ARGV[3], ARGV[4]}) do
    local key = ARGV[2] .. ':' .. name .. ':' .. index
    for _, words in ipairs({...}) do
      local call = {words[1], key}
      for i = 2, #words do call[i + 1] = words[i] end
      if words[1] == 'XGROUP' then call = {words[1], words[2], key, words[3], words[4]} end
      local answer = redis.pcall(unpack(call))
      if type(answer) == 'table' and answer.err then refused = name .. ': ' .. answer.err end
    end
    if seconds then redis.call('EXPIRE', key, seconds) end
    made = made + redis.call('EXISTS', key)
  end
end
local binary = string.char(0, 255, 10, 13, 34, 39, 92, 128)
put('text', {'SET', 'caf\195\169 \240\159\152\128'})
put('empty', {'SET', ''})
put('binary ' .. binary, {'SET', binary})
put('number', {'SET', '9223372036854775807'})
put('list', {'RPUSH', 'a', '', binary, 'a'})
put('set', {'SADD', '1', '2', 'three', ''})
put('numbers', {'SADD', '1', '2', '3'})
put('scores', {'ZADD', '-inf', 'low', '0.1', 'tenth', '1e300', 'much', '+inf', 'high'})
put('hash', {'HSET', 'field', 'value', '', '', binary, binary})
put('long', {'SET', string.rep('0123456789abcdef', 4096)})
put('stream', {'XADD', '1-1', 'field', 'value'}, {'XADD', '2-1', 'field', ''}, {'XGROUP', 'CREATE', 'readers', '0'})
redis.call('SELECT', '0')
return made .. ' ' .. refused
