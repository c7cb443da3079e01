// Eight broken worlds, each in front of an account of its own: the page's headline, GetQuota, /readyz, the metrics and
// the log name the cause within ten seconds, counted in looks at them, and agree.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Client, connect } from "../../src/client/client.js";
import type { Fault } from "../../src/emulator/faults/faults.js";
import { DEFAULTS } from "../../src/emulator/options.js";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import type { ConditionKind } from "../../src/gateway/account/condition.js";
import { textOf } from "../support/admin-page.js";
import { blankPage, browserOfFile, takePicture } from "../support/chromium.js";
import { endPrograms, type GatewayProgram, KEYS, runGateway, until } from "../support/processes.js";
import { parsePrometheus } from "../support/prometheus-text.js";
import { type RedisServer, startRedis } from "../support/redis.js";
import { systemHas } from "../support/system.js";

/** Looks, 200 ms apart at least, until everything agrees: ten seconds, and more where looks are slow. */
const MOST_LOOKS = 50;
const LOOK_EVERY_MS = 200;

/** `OTA_PICTURES=docs/states npx vitest run test/e2e/broken-worlds.test.ts` makes the pictures in docs/. */
const PICTURES = process.env["OTA_PICTURES"];

interface World {
  readonly account: string;
  readonly state: ConditionKind;
  /** The headline of the page. */
  readonly headline: RegExp;
  readonly obstacle: RegExp;
  readonly firmwareId?: string;
}

const WORLDS: readonly World[] = [
  {
    account: "unreachable",
    state: "no-answers",
    headline: /^No answers$/,
    obstacle: /^no call is answered: no connection to the upstream \(ECONNREFUSED\)$/,
  },
  { account: "misspelt", state: "no-answers", headline: /^No answers$/, obstacle: /\((ENOTFOUND|EAI_AGAIN)\)$/ },
  {
    account: "wrong-keys",
    state: "keys-refused",
    headline: /^Keys refused$/,
    obstacle: /^the upstream does not accept the gateway's own keys, clock or signature: InvalidAccessKeyId/,
  },
  {
    account: "disabled-keys",
    state: "keys-refused",
    headline: /^Keys refused$/,
    obstacle: /: InvalidAccessKeyId\.Inactive$/,
  },
  {
    account: "no-permission",
    state: "forbidden",
    headline: /^Not permitted$/,
    obstacle: /lack a permission: NoPermission$/,
  },
  {
    account: "wrong-firmware",
    state: "refused",
    headline: /^All refused$/,
    obstacle: /^the upstream refuses every call: iot\.ota\.FirmwareNotFound$/,
    firmwareId: "WrongFirmware",
  },
  {
    account: "crowded",
    state: "throttled",
    headline: /^(Paused|Throttled)$/,
    obstacle: /^the upstream throttles every call/,
  },
];

const browser = browserOfFile();
const folder = mkdtempSync(join(tmpdir(), "ota-gateway-worlds-"));
const emulators: Emulator[] = [];
let gateway: GatewayProgram;
let client: Client;
let areKeysDisabled = false;

async function emulator(faults: () => Fault | undefined = () => undefined): Promise<string> {
  const started = await startEmulator({ listen: "127.0.0.1:0", devices: 100, faults });
  emulators.push(started);
  return started.url;
}

function refusing(code: string, shape: "gateway" | "service" = "gateway", status = 403): Fault {
  return { kind: "error", shape, status, code, message: code };
}

beforeAll(async () => {
  const plain = await emulator();
  const disabled = await emulator(() => (areKeysDisabled ? refusing("InvalidAccessKeyId.Inactive") : undefined));
  const forbidden = await emulator(() => refusing("NoPermission"));
  const crowded = await emulator(() => refusing("Throttling.User", "gateway", 400));
  const config = join(folder, "gateway.yaml");
  writeFileSync(
    config,
    `accounts:
  default: { endpoint: "${plain}" }
  unreachable: { endpoint: "http://127.0.0.1:1" }
  misspelt: { endpoint: "https://iot.cn-shangai.invalid" }
  wrong-keys: { endpoint: "${plain}", credentials: { env: WRONG_ } }
  disabled-keys: { endpoint: "${disabled}" }
  no-permission: { endpoint: "${forbidden}" }
  wrong-firmware: { endpoint: "${plain}" }
  crowded: { endpoint: "${crowded}" }
`,
  );
  const wrongKeys = { WRONG_ALIBABA_CLOUD_ACCESS_KEY_ID: "nobody", WRONG_ALIBABA_CLOUD_ACCESS_KEY_SECRET: "nothing" };
  gateway = await runGateway(plain, { ...KEYS, ...wrongKeys, OTA_CONFIG: config, OTA_STARTUP_CHECK: "1" });
  client = connect(gateway.grpc, { caller: "fleet-backend" });
});
afterAll(async () => {
  client?.close();
  await endPrograms();
  await Promise.all(emulators.map((each) => each.close()));
  rmSync(folder, { recursive: true });
});

/** Asks for a cancel, and does not wait for its answer. */
function ask({ account, firmwareId = DEFAULTS.firmwareId }: Pick<World, "account" | "firmwareId">): void {
  const deviceNames = [seededName(0), seededName(1)];
  const request = { account, productKey: DEFAULTS.productKey, firmwareId, deviceNames };
  client.cancelTasksByDevice(request, { timeoutMs: MOST_LOOKS * LOOK_EVERY_MS }).catch(() => {});
}

/** What everything says of an account. */
async function saidOf(account: string, { admin, stderr }: GatewayProgram, from: Client) {
  const readyz = (await (await fetch(`${admin}/readyz`)).json()) as {
    readonly status: string;
    readonly accounts: Readonly<Record<string, { readonly state: string; readonly obstacle?: string }>>;
  };
  const quota = await from.getQuota(account);
  const metrics = parsePrometheus(await (await fetch(`${admin}/metrics`)).text());
  const states = metrics.get("ota_account_state")?.samples ?? [];
  const metric = states.find(({ labels, value }) => labels["ota_account"] === account && value === 1);
  const lines = stderr
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { msg: string; account?: string; state?: string; obstacle?: string });
  const logged = lines.findLast(
    (line) => line.account === account && line.msg === "nothing is carried out at the moment",
  );
  return {
    status: readyz.status,
    readyz: readyz.accounts[account],
    quota,
    metric: metric?.labels["ota_state"],
    logged,
  };
}

async function pageOf({ admin }: GatewayProgram, account: string): Promise<Page | undefined> {
  if (!systemHas("chromium")) return undefined;
  const page = await blankPage(browser());
  await page.setViewportSize({ width: 1280, height: 620 });
  await page.goto(`${admin}/#${account}`);
  return page;
}

/** Everything agrees on the state and its cause. */
async function expectAgreement(world: World, of: GatewayProgram, from: Client, isAsking = true): Promise<void> {
  const { account, state, headline, obstacle } = world;
  const page = await pageOf(of, account);
  let looks = 0;
  await expect
    .poll(
      async () => {
        looks++;
        if (isAsking) ask(world);
        const { readyz, quota, metric, logged } = await saidOf(account, of, from);
        const shown = page && (await textOf(page, "state"));
        return { readyz, quota: quota.obstacle, metric, log: [logged?.state, logged?.obstacle], page: shown };
      },
      { interval: LOOK_EVERY_MS },
    )
    .toEqual({
      readyz: {
        state,
        obstacle: expect.stringMatching(obstacle),
        ...(state === "ledger-away" && { cause: expect.stringContaining("ECONNREFUSED") }),
      },
      quota: expect.stringMatching(obstacle),
      metric: state,
      log: [state, expect.stringMatching(obstacle)],
      page: page && expect.stringMatching(headline),
    });
  expect(looks).toBeLessThanOrEqual(MOST_LOOKS);
  if (page && PICTURES !== undefined) await takePicture(page, join(PICTURES, `${account}.png`));
}

describe("a gateway in front of a broken world", () => {
  it("is not ready at the start: the log says at once what is wrong with each account (was: ok, and not one line)", async () => {
    const said = (account: string, words: RegExp) =>
      until(() =>
        gateway.stderr.split("\n").some((line) => line.includes(`"account":"${account}"`) && words.test(line)),
      );
    await said("wrong-keys", /does not accept the keys/);
    await said("unreachable", /does not answer/);
    await said("misspelt", /spelled right|does not answer/); // the latter on a machine without name servers
    await said("default", /the upstream answers, and accepts the keys/);
    await said("no-permission", /may not read devices/);
    // The ledgers may still be opening.
    await expect.poll(async () => (await saidOf("wrong-keys", gateway, client)).status).toBe("unproven");
    expect((await fetch(`${gateway.admin}/readyz`)).status).toBe(503);
  });

  it("serves the account that is well: no obstacle, and the state that is shown is good", async () => {
    const { productKey, firmwareId } = DEFAULTS;
    await client.cancelTasksByDevice({ productKey, firmwareId, deviceNames: [seededName(0)] });
    const { quota, metric, readyz } = await saidOf("default", gateway, client);
    expect([metric, readyz]).toEqual(["canceling", { state: "canceling" }]);
    expect(quota).toMatchObject({ expectedWaitMs: expect.any(Number) });
    expect(quota).not.toHaveProperty("obstacle");
  });

  it.each(WORLDS)("says it everywhere alike within ten seconds: $account", async (world) => {
    if (world.account === "disabled-keys") {
      const { productKey, firmwareId } = DEFAULTS;
      const deviceNames = [seededName(0)];
      await client.cancelTasksByDevice({ account: world.account, productKey, firmwareId, deviceNames });
      areKeysDisabled = true;
    }
    await expectAgreement(world, gateway, client);
    const { quota } = await saidOf(world.account, gateway, client);
    expect(quota).not.toHaveProperty("expectedWaitMs");
  });

  it("stays in service for the account that has served, and says why it is degraded", async () => {
    const { status } = await saidOf("default", gateway, client);
    expect(status).toBe("degraded");
  });
});

describe.runIf(systemHas("redis"))("a gateway whose Redis is gone", () => {
  let redis: RedisServer;
  afterAll(() => redis?.kill());

  it("says it everywhere alike, and is degraded although nobody had asked it before (was: away, 503)", async () => {
    redis = await startRedis();
    const upstream = await emulator();
    const variables = { OTA_REDIS_URL: redis.url, OTA_UPSTREAM_TIMEOUT_MS: "500" };
    const joined = await runGateway(upstream, variables);
    const other = connect(joined.grpc);
    const { productKey, firmwareId } = DEFAULTS;
    await other.cancelTasksByDevice({ productKey, firmwareId, deviceNames: [seededName(0)] });
    await redis.kill();
    const world: World = {
      account: "default",
      state: "ledger-away",
      headline: /^Ledger away$/,
      obstacle: /^the shared ledger cannot be reached$/,
    };
    await expectAgreement(world, joined, other, false);
    const { status, quota } = await saidOf("default", joined, other);
    expect(status).toBe("degraded");
    expect(quota).not.toHaveProperty("expectedWaitMs");
    other.close();
  });
});
