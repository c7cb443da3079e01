// A store that runs the ledger's own script in a Lua interpreter, against a clock turned by hand.
// The commands that the script uses behave as on a server, and tests can cause a server's failures.
import { LuaFactory } from "wasmoon";
import { LEDGER_SCRIPT } from "../../src/limiter/shared/ledger-script.js";
import type { HandClock } from "./hand-clock.js";

/**
 * As much of a server as the script needs. The server's Lua is 5.1, which prints no integers as
 * 1.0.
 */
const SERVER = `
local servers = {}
redis = {}
function redis.call(command, key, ...)
  local server, args = current, { ... }
  if command == 'TIME' then return { tostring(server.now // 1000000), tostring(server.now % 1000000) } end
  if command == 'INFO' then return '# Server\\r\\nredis_version:7.0.15\\r\\nrun_id:' .. server.run .. '\\r\\ntcp_port:6379\\r\\n' end
  if command == 'DEL' then server.hash = {} return 1 end
  if command == 'HGETALL' then
    local all = {}
    for field, value in pairs(server.hash) do all[#all + 1] = field all[#all + 1] = value end
    return all
  end
  assert(#args > 0, 'wrong number of arguments for ' .. command)
  for n, field in ipairs(args) do
    if command == 'HDEL' then server.hash[field] = nil
    elseif command == 'HSET' then if n % 2 == 1 then server.hash[field] = assert(args[n + 1]) end
    else error('this store does not know ' .. command) end
  end
  return #args
end
local function copy(hash)
  local same = {}
  for field, value in pairs(hash) do same[field] = value end
  return same
end
function replace(id, from)
  servers[id] = { hash = servers[from] and copy(servers[from].hash) or {} }
end
local function script(KEYS, ARGV) ${LEDGER_SCRIPT} end
function run(id, serverRun, now, joined)
  current = servers[id]
  current.run, current.now = serverRun, now
  local argv = {}
  for arg in string.gmatch(joined, '([^\\n]*)\\n') do argv[#argv + 1] = arg end
  local reply = script({ 'ledger' }, argv)
  for n, value in ipairs(reply) do reply[n] = type(value) == 'number' and string.format('%.0f', value) or value end
  return table.concat(reply, '\\n')
end`;

const lua = await new LuaFactory().createEngine();
lua.doStringSync(SERVER);
const run: (id: number, serverRun: string, nowUs: number, args: string) => string = lua.global.get("run");
/** Gives one store the content of another, or nothing if there is no such store. */
const replace: (id: number, from: number) => void = lua.global.get("replace");
let stores = 0;

/** A server with one ledger in it. */
export class LuaStore {
  readonly #clock: HandClock;
  readonly #id = ++stores;
  readonly #listeners = new Set<(message: string) => void>();
  readonly #savedId = ++stores;
  #restarts = 0;
  /** How far its clock differs from ours. */
  skewMs = 1e12;
  commands = 0;

  constructor(clock: HandClock) {
    this.#clock = clock;
    this.empty();
  }

  /** Loses everything that it holds. */
  empty(): void {
    replace(this.#id, 0);
  }

  /** Writes what it holds to its file. */
  save(): void {
    replace(this.#savedId, this.#id);
  }

  /** Another process takes its place, with the content of the file. */
  restart(): void {
    replace(this.#id, this.#savedId);
    this.#restarts++;
  }

  /** Becomes a copy of what the other holds now. */
  replicate(other: LuaStore): void {
    replace(this.#id, other.#id);
  }

  listen(wake: (message: string) => void): void {
    this.#listeners.add(wake);
  }

  /** Publishes a message at once. */
  wake(message: string): void {
    for (const wake of this.#listeners) wake(message);
  }

  /** Runs the script at once. */
  run(args: readonly string[]): unknown[] {
    this.commands++;
    const nowUs = Math.floor((this.#clock.now() + this.skewMs) * 1000);
    const serverRun = `${this.#id}a${this.#restarts}`.padStart(40, "f");
    return run(this.#id, serverRun, nowUs, args.map((arg) => `${arg}\n`).join("")).split("\n");
  }
}
