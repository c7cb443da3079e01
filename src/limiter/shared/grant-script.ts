// The part of the ledger's script that decides whose turn it is, and whether the replica that asks
// is granted a token now, or ahead of the start of its call. The names that it uses are defined in
// script.ts, around it.
import { LOWER_CLASS_EVERY } from "../../gateway/command.js";
import { MADE_UP, WINDOW_MS } from "../token-rule.js";

/** A request that arrives this long before its start is in time. */
export const EARLY_MS = 10;

/** How many turns a replica may be ahead of another, rather than pass its tokens on. */
const PEER_TURNS = 1;

/** A replica that waits for the token of another asks again this soon, and so long. */
const AGAIN_MS = 20;
const RETURNING_MS = 250;

/** It asks this long after the token is expected. */
const RETURNED_MS = 5;

export const TURN_AND_GRANT = `
-- Whose turn it is: the highest class, but every tenth call a lower one; in a class, the replica that
-- has had the fewest turns, and of these the one that has waited longest.
local wish, class, mine = ARGV[9], ARGV[10], 'w:' .. replica
local own = tokens[ARGV[12]] and ledger['t:' .. ARGV[12]] and ARGV[12]
local ownAt = now + micros(13)
if own and not tokens[own].kept then
  tokens[own].back = ownAt + trip
  put('t:' .. own, tokens[own].ends .. ' ' .. tokens[own].taken .. ' 0 ' .. text(ownAt + trip))
end
local served, turns = string.match(ledger['r:' .. replica] or '', '^%d+ (%d) (%d+)$')
local round
local function heard(class, turns)
  put('r:' .. replica, text(now + micros(22)) .. ' ' .. (class or '0') .. ' ' .. (turns or '0'))
end
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
`;
