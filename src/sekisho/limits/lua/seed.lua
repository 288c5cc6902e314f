-- ARGV: epoch, count, what the ledger says was spent, ms to keep the count. Answers 'seeded', 'epoch'.
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return {'epoch'} end
local key = base .. ARGV[2]
if redis.call('HSETNX', key, 's', ARGV[3]) == 1 then
  redis.call('HINCRBY', key, 's', redis.call('HGET', key, 'p') or '0')
  redis.call('HDEL', key, 'p')
  redis.call('PEXPIRE', key, ARGV[4])
end
return {'seeded'}
