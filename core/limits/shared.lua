-- shared.lua - what the store does, in one step for each op: look at all counters, refuse or charge all of them, and say what
-- they have then. Compiled in; shared_script.c says what goes in and out.
--
-- KEYS: ledger of this process, who is alive, counters
-- ARGV: replica, number of the op, ask|tell, beat|-, since when who was heard is counted (ms);
--       for each counter: kind, what it has at least (-1: known here), what to add, what fits, how long to keep it (ms)
-- 6000: GW_SHARED_ALIVE_MS, 64: GW_SHARED_OPS
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local now_ms = math.floor(now / 1000)
local alive_from = now_ms - 6000
local me, seq, is_ask, is_beat = ARGV[1], ARGV[2], ARGV[3] == 'ask', ARGV[4] == 'beat'
local function text(n) return string.format('%.0f', n) end
if is_beat then
  redis.call('ZADD', KEYS[2], text(now_ms), me)
  -- its clock was set back: who was heard later than now was heard now, or would live on for as long
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. text(now_ms), '+inf')) do
    redis.call('ZADD', KEYS[2], text(now_ms), id)
  end
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(alive_from))
  redis.call('PEXPIRE', KEYS[2], 60000)
end
local had, others, refused, wait = {}, {}, 0, 0
for i = 3, #KEYS do
  local a = (i - 3) * 5 + 6
  local kind, base, add, room = ARGV[a], tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  local is_full, until_then = false, -1
  if kind == 'places' then
    local all, own, other = redis.call('HGETALL', KEYS[i]), 0, 0
    for f = 1, #all, 2 do
      if all[f] == me then
        own = tonumber(all[f + 1])
      elseif tonumber(redis.call('ZSCORE', KEYS[2], all[f]) or 0) > alive_from then
        other = other + tonumber(all[f + 1])
      else
        redis.call('HDEL', KEYS[i], all[f])
      end
    end
    if base >= 0 then own = base end
    is_full = own + other + add > room
    had[i], others[i] = own, other
  else
    local value = tonumber(redis.call('GET', KEYS[i]) or 0)
    if kind == 'pace' then
      if base >= 0 then base = now + base end
      value = math.max(value, base, now)
      until_then = value + add - now - math.max(room, add)
      is_full = value > now and until_then > 0
    else
      value = math.max(value, base)
      if kind == 'money' then
        is_full = add > 0 and value >= room
      else
        is_full = value > 0 and value + add > room
      end
    end
    had[i] = value
  end
  if is_ask and is_full and refused == 0 then refused, wait = i - 2, until_then end
end
local fresh = redis.call('ZCOUNT', KEYS[2], '(' .. ARGV[5], '+inf')
local reply = {tonumber(seq), refused, wait, redis.call('ZCARD', KEYS[2]), -1, now_ms, fresh}
for i = 3, #KEYS do
  local a = (i - 3) * 5 + 6
  local kind, base, add = ARGV[a], tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  if refused > 0 then add = 0 end
  local value, must_write = math.max(had[i] + add, 0), add ~= 0 or base >= 0
  if kind == 'places' then
    if must_write and value > 0 then
      redis.call('HSET', KEYS[i], me, text(value))
      redis.call('PEXPIRE', KEYS[i], ARGV[a + 4])
    elseif must_write then
      redis.call('HDEL', KEYS[i], me)
    end
    reply[i + 5] = others[i]
  elseif kind == 'pace' then
    if must_write and value > now then
      redis.call('SET', KEYS[i], text(value), 'PX', text(math.ceil((value - now) / 1000) + 1000))
    elseif must_write then
      redis.call('DEL', KEYS[i])
    end
    reply[i + 5] = math.max(value - now, 0)
  else
    if must_write then redis.call('SET', KEYS[i], text(value), 'PX', ARGV[a + 4]) end
    reply[i + 5] = value
  end
end
-- An op that failed here left no verdict, yet those behind it in the same connection ran: it was not done.
local last, verdicts = string.match(redis.call('GET', KEYS[1]) or ':', '(%d*):(.*)')
local failed = tonumber(seq) - (tonumber(last) or tonumber(seq)) - 1
verdicts = verdicts .. string.rep('0', math.min(failed, 64)) .. (refused > 0 and '0' or '1')
redis.call('SET', KEYS[1], seq .. ':' .. string.sub(verdicts, -64), 'PX', 3600000)
if is_beat then
  reply[5] = 0
  for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if id < me then reply[5] = reply[5] + 1 end
  end
end
return reply
