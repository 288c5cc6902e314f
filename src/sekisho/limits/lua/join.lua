-- A process finds its place after it started, or after the server has lost its memory or may have: it was started anew
-- (`run`), or another took its place. Whoever comes first begins an epoch, in which no money is admitted before all the
-- processes that it knew have said what they hold, or `deadline` has passed; and before `pause` in any case, for those
-- it did not know.
-- ARGV: an id for a new epoch, run, pause µs, deadline µs, the processes. Answers the epoch's id.
local known = redis.call('HMGET', KEYS[1], 'id', 'run')
if known[1] and known[2] == ARGV[2] then return {known[1]} end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'run', ARGV[2], 'soonest', string.format('%.0f', now + ARGV[3]),
  'ready', string.format('%.0f', now + ARGV[4]))
for at = 5, #ARGV do redis.call('SADD', base .. 'missing', ARGV[at]) end
redis.call('PEXPIRE', base .. 'missing', GONE_MS)
return {ARGV[1]}
