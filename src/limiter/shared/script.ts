// The shared ledger as a script that the store runs. With one command, a replica reports what
// became of its tokens and asks for the next, by the rule and the constants of ../token-rule.ts. If
// the store's content is lost or restored, its clock stepped, or its server replaced, the ledger
// opens again: all tokens are out until nothing sent before can still be counted.
import { LOWER_CLASS_EVERY } from "../../gateway/command.js";
import { BLAMED_MS, FALLBACK_MS } from "../early-return.js";
import { CLEAN_MS, MADE_UP, WINDOW_MS } from "../token-rule.js";
import { TOLERANCE_MS } from "./clock-frame.js";

/** A request that arrives this long before its start is in time. */
export const EARLY_MS = 10;

/** How many turns a replica may be ahead of another, rather than pass its tokens on. */
const PEER_TURNS = 1;

/** A replica that waits for the token of another asks again this soon, and so long. */
const AGAIN_MS = 20;
const RETURNING_MS = 250;

/** It asks this long after the token is expected. */
const RETURNED_MS = 5;

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
//   23 if calls are counted when they arrive: '1' if its tokens returned early lately, else '0';
//      otherwise ''
//   24 how many tokens it wants to keep; then those tokens; then those that it gives back, with '-'
//      in front if nothing was sent with them
// Returns epoch, now, token granted or '', 1 if that is ahead of pacing, in how long a call may
//   start with it, or in how long to ask again (-1 if that is unknown), until it opens, until the
//   pause ends, withheld, free (once it is open), hold, replicas, the wake-up to publish or '', for
//   how long no token returns early, 1 if another replica needs the token that it wants to use
//   again; then each token kept; then ''; then the name of each token in use, and how long it has been in use. Durations are microseconds.
const SOURCE = `
local replica, quota = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local info = redis.call('INFO', 'server')
local run = assert(string.match(info, 'run_id:(%w+)'), 'INFO names no run_id')
local function micros(n) return math.ceil(tonumber(ARGV[n]) * 1000) end
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
  put('t:' .. name, text(now + micros(4)) .. ' ' .. taken .. (isKept and ' 1 ' or ' 0 ') .. text(taken + space * quota + trip))
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
  if ARGV[23] ~= '' and now - get('early') < ${BLAMED_MS * 1000} then
    put('fallback', text(now + ${FALLBACK_MS * 1000}))
    put('paused', text(math.max(get('paused'), now + ${WINDOW_MS * 1000})))
  end
  put('paused', text(math.max(get('paused'), now + micros(18))))
  if now - micros(19) >= get('throttled') then
    put('withheld', text(math.min(withheld() + 1, quota - 1)))
    put('throttled', text(now))
  end
end

-- Whose turn it is: the highest class, but every tenth call a lower one; in a class, the replica that has had the fewest turns, and of these the one that has waited longest.
local wish, class, mine = ARGV[9], ARGV[10], 'w:' .. replica
local own = tokens[ARGV[12]] and ledger['t:' .. ARGV[12]] and ARGV[12]
local ownAt = now + micros(13)
if own and not tokens[own].kept then
  tokens[own].back = ownAt + trip
  put('t:' .. own, tokens[own].ends .. ' ' .. tokens[own].taken .. ' 0 ' .. text(ownAt + trip))
end
local served, turns = string.match(ledger['r:' .. replica] or '', '^%d+ (%d) (%d+)$')
local round
local function heard(class, turns) put('r:' .. replica, text(now + micros(22)) .. ' ' .. (class or '0') .. ' ' .. (turns or '0')) end
heard(served, turns)
-- A command between two others has no wish, and takes none back.
local left = wish == '' and class ~= '' and ledger[mine] ~= nil
if left then drop(mine)
elseif wish ~= '' then
  -- Places that have gone by while nobody waited belong to nobody.
  if not next(named('w')) then put('last', text(math.max(get('last'), now - trip - micros(16) - space))) end
  local before, since, turn = string.match(ledger[mine] or '', '^(%d) (%d+) %d+ (%d+)$')
  if before == class then round = tonumber(turn)
  else
    since = text(now)
    -- A newcomer is treated like the one that has had the fewest turns.
    for _, value in pairs(named('w')) do
      local c, n = string.match(value, '^(%d) %d+ %d+ (%d+)$')
      if c == class then round = math.min(round or tonumber(n), tonumber(n)) end
    end
    round = round or get('round' .. class)
    if served == class then round = math.max(round, tonumber(turns) + 1) end
  end
  put(mine, class .. ' ' .. since .. ' ' .. text(now + micros(17)) .. ' ' .. text(round))
end
local function turn()
  local waiting, highest, lowest = {}, '9', '0'
  for name, value in pairs(named('w')) do
    local c, since, till, round = string.match(value, '^(%d) (%d+) (%d+) (%d+)$')
    if tonumber(till) < now then drop('w:' .. name)
    else
      waiting[#waiting + 1] = { name = name, class = c, since = since, round = tonumber(round) }
      if c < highest then highest = c end
      if c > lowest then lowest = c end
    end
  end
  local lowers = lowest > highest and get('passed') >= ${LOWER_CLASS_EVERY - 1}
  table.sort(waiting, function(a, b)
    local x, y = (a.class > highest) == lowers, (b.class > highest) == lowers
    if x ~= y then return x end
    if not x and a.class ~= b.class then return a.class < b.class end
    if not lowers and a.round ~= b.round then return a.round < b.round end
    if a.since ~= b.since then return a.since < b.since end
    return a.name < b.name
  end)
  return waiting, lowest > highest and not lowers
end
local function pacedTo() return math.max(get('paused'), get('last') + space) end

-- The grant.
local granted, ahead, wait, yields = '', 0, -1, 0
if opening and wish ~= '' then wait = get('opens') - now
elseif wish ~= '' then
  local waiting, passes = turn()
  local first = waiting[1]
  local isFirst = first.name == replica
  local spare = quota - out - withheld()
  local spared = ARGV[11] == '1' and quota - out > quota / 2
  local at = math.max(now, spared and get('paused') or pacedTo())
  local usesOwn = own and spare >= 0 and (ownAt <= at or spare <= 0)
  -- Replicas that have had nearly as many turns go in the order in which their own tokens come back.
  local before = 0
  for n, each in ipairs(waiting) do if each.name == replica then before = n - 1 end end
  local isPeer = not isFirst and own and spare >= 0 and first.class == class and round - first.round <= ${PEER_TURNS}
    and (spare <= 0 or ownAt <= at + before * space)
  usesOwn = usesOwn or (isPeer and not spared)
  -- When the token of another replica can be expected here.
  local soonest
  for name, token in pairs(tokens) do
    if not token.kept and ledger['t:' .. name] and string.sub(name, 1, #replica + 1) ~= replica .. '.'
      and token.back > now - ${RETURNING_MS * 1000} and (not soonest or token.back < soonest) then soonest = token.back end
  end
  if soonest then soonest = math.max(soonest - now + ${RETURNED_MS * 1000}, ${AGAIN_MS * 1000}) end
  if (spared or isFirst or isPeer) and (usesOwn or spare > 0) then
    if usesOwn then at = math.max(at, ownAt) end
    wait = at - now
    if wait > micros(14) then
      wait = wait - math.min(micros(14), ${EARLY_MS * 1000})
      if isFirst and usesOwn and soonest and ownAt > pacedTo() then wait = math.min(wait, soonest) end
    else
      granted = usesOwn and own or wish
      ahead = pacedTo() > at and 1 or 0
      lend(granted, text(at), false)
      if not usesOwn then out = out + 1 end
      put('before', ledger.last or '0')
      local due = get('last') + space
      local catchesUp = at - due < ${WINDOW_MS * 1000} and withheld() == 0
      local late = catchesUp and math.max(at - due, 0) or 0
      put('last', text(math.max(get('last'), at - math.min(late, space / 2) * ${MADE_UP})))
      put('lastBy', granted)
      if first.class == class then put('passed', passes and text(get('passed') + 1) or '0') end
      put('round' .. class, text(round))
      heard(class, text(round))
      drop(mine)
    end
  else
    yields = own and spare < before and 1 or 0
    if before > 0 then wait = math.max(at + before * space, own and spare <= 0 and ownAt or 0) - now - ${EARLY_MS * 1000}
    elseif soonest then wait = soonest end
  end
end

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
