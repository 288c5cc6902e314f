-- ARGV: epoch, reservation, 'named' and then count, amount for each line; or 'ordered' and the amounts alone, from a
-- process that did not reserve. Answers 'settled', also the second time; 'epoch'.
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return {'epoch'} end
local record = read(ARGV[2])
if not record then return {'settled'} end
for at = 2, #record do
  release(record[at])
  if ARGV[3] == 'ordered' then book(record[at][1], ARGV[at + 2] or record[at][2]) end
end
if ARGV[3] == 'named' then
  for at = 4, #ARGV, 2 do book(ARGV[at], ARGV[at + 1]) end
end
redis.call('DEL', base .. 'r:' .. ARGV[2])
redis.call('ZREM', base .. 'leases', ARGV[2])
return {'settled'}
