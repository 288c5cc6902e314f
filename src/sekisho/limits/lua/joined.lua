-- A process has said what it holds. ARGV: epoch, process. Answers 'joined', 'epoch'.
local epoch = redis.call('HMGET', KEYS[1], 'id', 'soonest', 'ready')
if epoch[1] ~= ARGV[1] then return {'epoch'} end
redis.call('SREM', base .. 'missing', ARGV[2])
if redis.call('SCARD', base .. 'missing') == 0 and tonumber(epoch[2]) < tonumber(epoch[3]) then
  redis.call('HSET', KEYS[1], 'ready', epoch[2])
end
return {'joined'}
