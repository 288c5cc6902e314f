-- ARGV: epoch, count, what the ledger says now. Answers 'seeded', 'epoch'. A count that is not there is asked for later.
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return {'epoch'} end
local key = base .. ARGV[2]
if redis.call('HEXISTS', key, 's') == 1 then redis.call('HSET', key, 's', ARGV[3]) end
return {'seeded'}
