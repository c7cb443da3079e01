// The rules by which the proxy of Alibaba Cloud's clustered Redis judges the text of a script
// (script_check_enable, which is on by default): those of its documentation ("Lua scripting in Tair
// (Redis OSS-compatible)"), and those that users have reported. Where these leave a doubt, the
// stricter reading.

/** Commands of other nodes, or of none. They have no place in a script. */
const NEVER =
  /^(p?subscribe|p?unsubscribe|s?publish|pubsub|keys|scan|randomkey|dbsize|flushall|flushdb|eval|evalsha|script)$/;

const WITHOUT_KEY = /^(time|info|ping|echo)$/;

const WITH_KEYS_ONLY = /^(del|unlink|exists|mget|touch)$/;

const BAD_KEY =
  "all the keys that the script uses should be passed using the KEYS array, and KEYS should not be in expression";

/** Returns why the proxy refuses a script, or undefined. */
export function refusalOf(script: string): string | undefined {
  const found = faultOf(script.replace(/--(?!\[\[).*$/gm, ""));
  return found && `ERR bad lua script for redis cluster, ${found}`;
}

function faultOf(script: string): string | undefined {
  if (/\bunpack\b/.test(withoutStrings(script))) return "unpack is not supported";
  let rest = script;
  for (const { index } of script.matchAll(/\bredis\s*\.\s*p?call\s*\(/g)) {
    if (isArgument(script.slice(0, index))) return "nested redis.call/redis.pcall is not supported";
    const args = argumentsAt(script, script.indexOf("(", index));
    const fault = faultOfCall(args);
    if (fault) return fault;
    rest = rest.replace(args.join(","), "");
  }
  if (/\bKEYS\b/.test(withoutStrings(rest))) return BAD_KEY;
  if (/\bredis\s*(\[|\.\s*p?call\s*[^\s(])/.test(withoutStrings(rest))) return "redis.call must be called by its name";
  return undefined;
}

function faultOfCall([first = "", ...args]: readonly string[]): string | undefined {
  const command = /^(['"])(\w+)\1$/.exec(first.trim())?.[2]?.toLowerCase();
  if (!command) return "first parameter of redis.call/redis.pcall must be a single literal string";
  if (NEVER.test(command)) return `${command} is not supported`;
  if (args.some((each) => /\b(redis\s*\.|\w+\s*\()/.test(withoutStrings(each))))
    return "nested redis.call/redis.pcall is not supported";
  if (WITHOUT_KEY.test(command)) return args.some((each) => each.includes("KEYS")) ? BAD_KEY : undefined;
  const keys = WITH_KEYS_ONLY.test(command) ? args : args.slice(0, 1);
  const isFine = keys.length > 0 && keys.every((each) => /^KEYS\[\d+\]$/.test(each.trim()));
  return isFine && !args.slice(keys.length).some((each) => each.includes("KEYS")) ? undefined : BAD_KEY;
}

/** Whether what follows is inside the brackets of a call. */
function isArgument(before: string): boolean {
  const text = withoutStrings(before);
  const open: boolean[] = [];
  for (const [index, character] of [...text].entries()) {
    if (character === "(") open.push(isCalled(text.slice(0, index)));
    if (character === ")") open.pop();
  }
  return open.includes(true);
}

function isCalled(before: string): boolean {
  const name = /([\w\])])\s*$/.test(before) ? /(\w+)\s*$/.exec(before)?.[1] : undefined;
  if (name === undefined) return /[\])]\s*$/.test(before);
  return !/^(and|or|not|if|elseif|while|until|return|in|then|do|else)$/.test(name);
}

/** Splits the arguments of the call whose bracket opens at `open`. */
function argumentsAt(script: string, open: number): string[] {
  const text = withoutStrings(script);
  const args: string[] = [];
  let [depth, start] = [0, open + 1];
  for (let n = open; n < text.length; n++) {
    if ("([{".includes(text[n] as string)) depth++;
    if (")]}".includes(text[n] as string)) depth--;
    if (depth === 0 || (depth === 1 && text[n] === ",")) {
      args.push(script.slice(start, n));
      start = n + 1;
    }
    if (depth === 0) return args;
  }
  return args;
}

/** The same length, with every character inside quotes replaced. */
function withoutStrings(script: string): string {
  return script.replace(/(['"])(?:\\.|(?!\1)[^\\])*\1/gs, (string) => "'".padEnd(string.length - 1, "_").concat("'"));
}
