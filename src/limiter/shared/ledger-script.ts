// The shared ledger as a script that the store runs. With one command, a replica reports what
// became of its tokens and asks for the next, by the rule and the constants of ../token-rule.ts. If
// the store's content is lost or restored, its clock stepped, or its server replaced, the ledger
// opens again: all tokens are out until nothing sent before can still be counted.
import { BLAMED_MS, FALLBACK_MS } from "../early-return.js";
import { CLEAN_MS, WINDOW_MS } from "../token-rule.js";
import { TOLERANCE_MS } from "./clock-frame.js";
import { TURN_AND_GRANT } from "./grant-script.js";

// The proxy of Alibaba Cloud's clustered Redis reads the text of a script and refuses it unless
// each call of a command names the command and KEYS[n] literally, KEYS stands nowhere else, no call
// is an argument of another, and nothing is unpacked or published
// (test/support/script-check.ts).
//
// KEYS[1]  the ledger of one account, a hash. Times are microseconds of the server's clock:
//   run, epoch            the server and the opening that this ledger belongs to
//   opened, opens, hold   when it began; when its tokens are free; for how long a call of its users
//                         counts
//   seen                  when it was last used
//   last, lastBy, before  the last start's place in the spacing, the token it was made with, and
//                         the place before it
//   paused, throttled, withheld, passed
//   early, fallback       when tokens last returned early, and until when none does
//   t:<token>             "<end of lease> <start of its call> <1 if kept in reserve, else 0>
//                         <when it is expected back>"
//   w:<replica>           "<class> <since> <until> <turn>" of a replica that waits for a token
//   r:<replica>           "<until> <class> <turn>" of a replica: how long it counts as present, and
//                         the last turn that it had
//   round<class>          the turn that was had last in a class
// ARGV     durations are milliseconds
//   1 replica   2 tokens in all   3 for how long its calls count   4 the lease of a token
//   5 epoch that it saw last, or ''   6 how long ago
//   7 how long calls of all ledgers that it has seen still count
//   8 '1' if it has noticed that the clock stepped
//   9 the token to be granted, or ''   10 class, 0 first; '' to leave its wish as it is
//   11 '1' for a newcomer
//   12 a token of its own to use, or ''   13 in how long that can be used
//   14 how long before its start it may be granted   15 the shortest time of a command, both ways
//   16 how long it has wanted a token   17 how long it waits for its turn
//   18 pause for a throttle, or ''   19 how long ago the throttled call was sent
//   20 how many tokens all replicas together may keep   21 how far apart calls start
//   22 how long it counts as present
//   23 '1' if its tokens returned early lately
//   24 how many tokens it wants to keep; then those tokens; then those that it gives back, with '-'
//      in front if nothing was sent with them
// Returns epoch, now, token granted or '', 1 if that is ahead of pacing, in how long a call may
//   start with it, or in how long to ask again (-1 if that is unknown), until it opens, until the
//   pause ends, withheld, free (once it is open), hold, replicas, the wake-up to publish or '', for
//   how long no token returns early, 1 if another replica needs the token that it wants to use
//   again; then each token kept; then ''; then the name of each token in use, and how long it has
//   been in use. Durations are microseconds.
const SOURCE = `
local replica, quota = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local info = redis.call('INFO', 'server')
local run = assert(string.match(info, 'run_id:(%w+)'), 'INFO names no run_id')
-- What no time is must not be stored, because no later command could read it.
local function micros(n)
  local us = math.ceil(tonumber(ARGV[n]) * 1000)
  assert(math.abs(us) < 1e15, 'argument ' .. n .. ' is no duration')
  return us
end
local function text(number) return string.format('%.0f', number) end

local ledger, set, gone = {}, {}, {}
local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do ledger[stored[i]] = stored[i + 1] end
local function get(field) return tonumber(ledger[field] or '0') end
local function put(field, value)
  if ledger[field] == value then return end
  ledger[field], set[field], gone[field] = value, value, nil
end
local function drop(field)
  if ledger[field] then ledger[field], set[field], gone[field] = nil, nil, true end
end
local function named(letter)
  local found, start = {}, letter .. ':'
  for field, value in pairs(ledger) do
    if string.sub(field, 1, 2) == start then found[string.sub(field, 3)] = value end
  end
  return found
end

-- Opening.
local counts, seenEpoch = micros(3), ARGV[5]
local cameFrom = seenEpoch ~= '' and seenEpoch ~= ledger.epoch
local former = micros(7)
-- Another ledger was in use after this one had opened: this one does not know what was sent.
local bypassed = cameFrom and get('opened') < now - micros(6)
local stepped = now < get('seen') - ${TOLERANCE_MS * 1000} or (ARGV[8] == '1' and not cameFrom)
if ledger.run ~= run or bypassed or stepped then
  local hold = math.max(counts, former, get('hold'))
  redis.call('DEL', KEYS[1])
  ledger, set, gone = {}, {}, {}
  put('run', run)
  put('epoch', string.sub(run, 1, 8) .. '-' .. text(now))
  put('opened', text(now))
  put('opens', text(now + hold))
elseif now < get('opens') then
  put('opens', text(math.max(get('opens'), get('opened') + counts, cameFrom and now + former or 0)))
end
put('hold', text(math.max(get('hold'), counts)))
put('seen', text(now))
local opening = now < get('opens')

-- Tokens given back, run out and kept.
local freed, kept, keeping, out = false, {}, 0, 0
local keepCount, mostKept = tonumber(ARGV[24]), tonumber(ARGV[20])
for i = 25 + keepCount, #ARGV do
  local unused, name = string.match(ARGV[i], '^(%-?)(.*)$')
  freed = freed or ledger['t:' .. name] ~= nil
  drop('t:' .. name)
  if unused == '-' and ledger.lastBy == name then put('last', ledger.before) end
end
local tokens = {}
for name, value in pairs(named('t')) do
  local ends, taken, isKept, back = string.match(value, '^(%d+) (%d+) (%d) (%d+)$')
  if tonumber(ends) <= now then drop('t:' .. name)
  else
    tokens[name] = { ends = ends, taken = taken, kept = isKept == '1', back = tonumber(back) }
    out = out + 1
    if isKept == '1' then keeping = keeping + 1 end
  end
end
local space, trip = micros(21), micros(15)
local function lend(name, taken, isKept)
  local back = taken + space * quota + trip
  put('t:' .. name, text(now + micros(4)) .. ' ' .. taken .. (isKept and ' 1 ' or ' 0 ') .. text(back))
end
for i = 25, 24 + keepCount do
  local name = ARGV[i]
  local token = tokens[name]
  local isNew = not token and not opening and out < quota
  if (token and token.kept) or ((token or isNew) and keeping < mostKept) then
    if not (token and token.kept) then keeping = keeping + 1 end
    if not token then out = out + 1 end
    lend(name, token and token.taken or text(now), true)
    if token then token.kept = true end
    kept[#kept + 1] = name
  end -- else it stays out if it was: its holder gives it back on hearing of this, and may use it until then
end

-- Foreign traffic. A replica with a higher quota may have withheld more tokens than there are: one is left anyway.
local function withheld()
  return math.max(0, math.min(get('withheld') - math.floor((now - get('throttled')) / ${CLEAN_MS * 1000}), quota - 1))
end
if ARGV[23] == '1' then put('early', text(now)) end
if ARGV[18] ~= '' then
  if now - micros(19) - get('early') < ${BLAMED_MS * 1000} then
    put('fallback', text(now + ${FALLBACK_MS * 1000}))
    put('paused', text(math.max(get('paused'), now + ${WINDOW_MS * 1000})))
  end
  put('paused', text(math.max(get('paused'), now + micros(18))))
  if now - micros(19) >= get('throttled') then
    put('withheld', text(math.min(withheld() + 1, quota - 1)))
    put('throttled', text(now))
  end
end

${TURN_AND_GRANT}
-- If something has changed, the replica whose turn is next is to be woken.
local wake = ''
if (freed or left) and not opening and quota - out > withheld() then
  local first = turn()[1]
  if first and first.name ~= replica then wake = first.name .. ' ' .. text(math.max(0, pacedTo() - now)) end
end

local replicas = 0
for name, value in pairs(named('r')) do
  if tonumber(string.match(value, '^%d+')) <= now then drop('r:' .. name) else replicas = replicas + 1 end
end
for field, value in pairs(set) do redis.call('HSET', KEYS[1], field, value) end
for field in pairs(gone) do redis.call('HDEL', KEYS[1], field) end

local reply = { ledger.epoch, now, granted, ahead, wait, math.max(0, get('opens') - now), math.max(0, get('paused') - now),
  withheld(), math.max(0, quota - out), get('hold'), replicas, wake,
  math.max(0, get('fallback') - now), yields }
for _, name in ipairs(kept) do reply[#reply + 1] = name end
reply[#reply + 1] = ''
for name, value in pairs(named('t')) do
  local taken, isKept = string.match(value, '^%d+ (%d+) (%d) ')
  if isKept == '0' then
    reply[#reply + 1] = name
    reply[#reply + 1] = now - tonumber(taken)
  end
end
return reply
`;

/** The text that is sent: without comments, because some proxies read it. */
export const LEDGER_SCRIPT = SOURCE.replace(/ *--.*$/gm, "");
