-- Stands before every script. KEYS[1] is the epoch (a hash; its name holds the slot of all other keys), ARGV[1] its id.
-- base .. COUNT          hash: s settled, h held, p settled before the ledger was asked. COUNT begins with m (money),
--                        t (slots of running calls) or c (all else) and holds rule and period.
-- base .. 'r:' .. NAME   a reservation: {past lease?, {COUNT, amount, held?}, ...}
-- base .. 'leases'       reservations by the moment (µs) at which they are looked at
local base = KEYS[1] .. ':' .. ARGV[1] .. ':'
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local GONE_MS = 172800000

local function is_money(count) return string.sub(count, 1, 1) == 'm' end
local function is_slot(count) return string.sub(count, 1, 1) == 't' end

local function read(name)
  local packed = redis.call('GET', base .. 'r:' .. name)
  return packed and cmsgpack.unpack(packed) or nil
end

local function write(name, record)
  redis.call('SET', base .. 'r:' .. name, cmsgpack.pack(record), 'PX', GONE_MS)
end

-- A count whose period is over may be gone: nothing is given back to it.
local function release(line)
  if line[3] and line[2] ~= '0' and redis.call('HEXISTS', base .. line[1], 'h') == 1 then
    if redis.call('HINCRBY', base .. line[1], 'h', '-' .. line[2]) == 0 and is_slot(line[1]) then
      redis.call('DEL', base .. line[1])
    end
  end
  line[3] = false
end

-- Books what was used. Money that the ledger was not asked for yet waits in p, or it would seem asked for.
local function book(count, amount)
  local key = base .. count
  if is_slot(count) or redis.call('EXISTS', key) == 0 then return end
  local settled = not is_money(count) or redis.call('HEXISTS', key, 's') == 1
  redis.call('HINCRBY', key, settled and 's' or 'p', amount)
end

-- Whoever has shown no sign of life for its lease gives back its slots, and `grace` later the rest: till then its
-- call may still be booked by the process that recovers it.
local function sweep(grace, most)
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', base .. 'leases', '-inf', now, 'LIMIT', 0, most)) do
    local record = read(name)
    local over = not record or record[1]
    for at = 2, record and #record or 0 do
      if over or is_slot(record[at][1]) then release(record[at]) end
    end
    if over then
      redis.call('ZREM', base .. 'leases', name)
    else
      record[1] = true
      redis.call('ZADD', base .. 'leases', now + grace, name)
    end
    if record then write(name, record) end
  end
end
