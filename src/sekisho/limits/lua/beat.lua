-- A sign of life. ARGV: epoch, grace µs, process, ms that it is known for, then reservation, lease µs for each that goes
-- on. Answers 'beat', the server's time in µs, the processes that live; 'epoch'.
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return {'epoch'} end
for at = 5, #ARGV, 2 do redis.call('ZADD', base .. 'leases', 'XX', now + ARGV[at + 1], ARGV[at]) end
sweep(tonumber(ARGV[2]), 100)
local alive = KEYS[1] .. ':alive'
redis.call('ZADD', alive, now + ARGV[4] * 1000, ARGV[3])
redis.call('ZREMRANGEBYSCORE', alive, '-inf', now)
redis.call('PEXPIRE', alive, ARGV[4])
return {'beat', string.format('%.0f', now), unpack(redis.call('ZRANGE', alive, 0, 999))}
