-- ARGV: epoch, reservation, 'named' and then count, amount for each line; or 'measured' and then measure, amount, from a
-- process that did not reserve: lines of other measures keep what was reserved. Answers 'settled', also the second time;
-- 'epoch'.
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return {'epoch'} end
local record = read(ARGV[2])
if not record then return {'settled'} end
local said = {}
for at = 4, #ARGV, 2 do said[ARGV[at]] = ARGV[at + 1] end
for at = 2, #record do
  local line = record[at]
  release(line)
  if ARGV[3] == 'measured' then book(line[1], said[string.match(line[1], '^%a:[^:]*:([^:]*):')] or line[2]) end
end
if ARGV[3] == 'named' then
  for at = 4, #ARGV, 2 do book(ARGV[at], ARGV[at + 1]) end
end
redis.call('DEL', base .. 'r:' .. ARGV[2])
redis.call('ZREM', base .. 'leases', ARGV[2])
return {'settled'}
