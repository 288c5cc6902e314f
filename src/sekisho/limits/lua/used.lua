-- ARGV: epoch, counts. Answers 'used' and for each count what is settled and held of it; 'seed', lines the ledger must
-- be asked for; 'wait', ms; 'epoch'.
local epoch = redis.call('HMGET', KEYS[1], 'id', 'ready')
if epoch[1] ~= ARGV[1] then return {'epoch'} end
local amounts, unknown = {'used'}, {'seed'}
for at = 2, #ARGV do
  local known = redis.call('HMGET', base .. ARGV[at], 's', 'h')
  if is_money(ARGV[at]) and not known[1] then
    if now < tonumber(epoch[2]) then return {'wait', tostring(math.ceil((epoch[2] - now) / 1000))} end
    unknown[#unknown + 1] = tostring(at - 2)
  end
  amounts[#amounts + 1] = string.format('%.0f', tonumber(known[1] or 0) + tonumber(known[2] or 0))
end
return #unknown > 1 and unknown or amounts
