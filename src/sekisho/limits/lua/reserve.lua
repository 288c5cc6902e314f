-- ARGV: epoch, grace µs, reservation, lease µs, force ('1': what was reserved before the server lost its memory),
-- then for each line: count, amount, limit, ms to keep the count.
-- Answers 'taken'; 'no', line, used; 'seed', lines the ledger must be asked for; 'wait', ms; 'epoch'.
local epoch = redis.call('HMGET', KEYS[1], 'id', 'ready')
if epoch[1] ~= ARGV[1] then return {'epoch'} end
sweep(tonumber(ARGV[2]), 4)
local name, force = ARGV[3], ARGV[5] == '1'
local earlier = read(name) or {false}
local own, record, unknown, refused = {}, {false}, {'seed'}, nil
for at = 2, #earlier do
  local line = earlier[at]
  if line[3] then own[line[1]] = (own[line[1]] or 0) - tonumber(line[2]) end
end
for at = 6, #ARGV, 4 do
  local count, amount = ARGV[at], tonumber(ARGV[at + 1])
  if not force then
    if is_money(count) and now < tonumber(epoch[2]) then
      return {'wait', tostring(math.ceil((epoch[2] - now) / 1000))}
    end
    local known = redis.call('HMGET', base .. count, 's', 'h')
    local used = tonumber(known[1] or 0) + tonumber(known[2] or 0) + (own[count] or 0)
    if is_money(count) and not known[1] then
      unknown[#unknown + 1] = tostring((at - 6) / 4)
    elseif amount > 0 and used + amount > tonumber(ARGV[at + 2]) and not refused then
      refused = {'no', tostring((at - 6) / 4), string.format('%.0f', used)}
    end
    own[count] = (own[count] or 0) + amount
  end
  record[#record + 1] = {count, ARGV[at + 1], true}
end
if #unknown > 1 then return unknown end
if refused then return refused end
for at = 2, #earlier do release(earlier[at]) end
for at = 6, #ARGV, 4 do
  redis.call('HINCRBY', base .. ARGV[at], 'h', ARGV[at + 1])
  redis.call('PEXPIRE', base .. ARGV[at], ARGV[at + 3])
end
write(name, record)
redis.call('ZADD', base .. 'leases', now + ARGV[4], name)
return {'taken'}
