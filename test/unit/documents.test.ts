// The documents name only what there is: settings, scripts, commands with their flags, files, sections and variables.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { cancelCommand } from "../../src/cli/cancel.js";
import { configCommand } from "../../src/cli/config.js";
import { demoCommand } from "../../src/cli/demo.js";
import { emulateCommand } from "../../src/cli/emulate.js";
import { operationsCommand } from "../../src/cli/operations.js";
import { probeCommand } from "../../src/cli/probe.js";
import { proveCommand } from "../../src/cli/prove.js";
import { quotaCommand } from "../../src/cli/quota.js";
import { resultsCommand } from "../../src/cli/results.js";
import { rolloutCommand } from "../../src/cli/rollout.js";
import { serveCommand } from "../../src/cli/serve.js";
import { stopCommand } from "../../src/cli/stop.js";
import { PERMISSIONS } from "../../src/config/permissions.js";
import { SETTINGS } from "../../src/config/settings.js";
import { beyond } from "../../src/identity/rights.js";

const documents = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "CHANGELOG.md",
  "bench/README.md",
  "bench/NOTES.md",
  ...["deploy/README.md", "deploy/helm/README.md"],
  ...pagesIn(
    "docs",
    "docs/adr",
    "examples",
    ...["go", "http", "java", "node", "python"].map((each) => `examples/${each}`),
  ),
];
const texts = new Map(documents.map((document) => [document, readFileSync(document, "utf8")]));
const commands = new Map(
  [
    cancelCommand(),
    configCommand(),
    demoCommand(),
    emulateCommand(),
    operationsCommand(),
    probeCommand(),
    proveCommand(),
    quotaCommand(),
    resultsCommand(),
    rolloutCommand(),
    serveCommand(),
    stopCommand(),
  ].map((command) => [command.name(), command]),
);

/** Variables of callers' own programs, and the pattern of all settings. */
const OTHER_VARIABLES = ["OTA_", "OTA_ADDRESS", "OTA_TOKEN", "OTA_PRODUCT_KEY", "OTA_FIRMWARE_ID"];

const NOBODY = { account: "", productKey: "", priority: "normal", verify: false };

function pagesIn(...folders: string[]): string[] {
  const pages = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(".md"));
  return folders.flatMap((folder) => pages(folder).map((name) => join(folder, name)));
}

function all(pattern: RegExp, text: string): string[] {
  return [...text.matchAll(pattern)].map((found) => found[1] ?? "");
}

/** As GitHub names the sections of a page. */
function sectionsOf(text: string): string[] {
  return all(/^#+ (.+)$/gm, text).map((title) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

describe("README.md", () => {
  it("lists every setting with its default and meaning", () => {
    for (const { variable, default: fallback, meaning } of Object.values(SETTINGS)) {
      expect(texts.get("README.md")).toContain(
        `| \`${variable}\` | ${fallback ? `\`${fallback}\`` : "unset"} | ${meaning} |`,
      );
    }
  });
});

describe("README.md, for a firmware that is rolling out", () => {
  it("quotes the errors that are shown then", () => {
    const [, section = ""] =
      /^## A bad firmware is rolling out now\n(.*?)^## /ms.exec(texts.get("README.md") ?? "") ?? [];
    const [right = ""] = beyond({ weight: 1, verify: true }, { ...NOBODY, isRollout: true });
    expect(all(/^\| `(.+?)` \|/gm, section)).toEqual([
      `no right to this ${right}`,
      "OTA_STATE names no store",
      "no gateway listens",
    ]);
    const shown = ["src/grpc/rpc/access.ts", "src/grpc/service/operations-service.ts", "src/cli/gateway-advice.ts"];
    const sources = shown.map((path) => readFileSync(path, "utf8")).join("\n");
    for (const words of ["no right to this $", "OTA_STATE names no store", "no gateway listens"])
      expect(sources).toContain(words);
  });
});

describe("PERMISSIONS", () => {
  it("are those of README.md, in its words", () => {
    const rows = PERMISSIONS.map(
      ({ actions, purpose }) => `| ${actions.map((action) => `\`${action}\``).join(", ")} | ${purpose} |`,
    );
    expect(texts.get("README.md")).toContain(`|---|---|\n${rows.join("\n")}\n\n`);
  });
});

describe.each(documents)("%s", (document) => {
  const text = texts.get(document) ?? "";

  it("links to files and sections that exist", () => {
    for (const link of all(/\]\(([^)\s]+)\)/g, text).filter((each) => !/^https?:/.test(each))) {
      const [path = "", section] = link.split("#");
      const target = path === "" ? document : normalize(join(dirname(document), path));
      expect(existsSync(target), link).toBe(true);
      if (section !== undefined) expect(sectionsOf(readFileSync(target, "utf8")), link).toContain(section);
    }
  });

  it("names scripts that exist", () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };
    for (const script of all(/npm run ([a-z][\w-]*(?::[a-z][\w-]*)?)/g, text))
      expect(Object.keys(scripts)).toContain(script);
  });

  it("names commands and flags that exist", () => {
    for (const [line, name = ""] of text.matchAll(/(?:dist\/cli\.js|`ota-gateway|^ota-gateway) ([a-z]+)[^`|#\n]*/gm)) {
      const command = commands.get(name);
      expect(command, line).toBeDefined();
      const flags = flagsOf(command as Command);
      for (const flag of all(/(--[a-z][a-z-]*)/g, line)) expect(flags, line).toContain(flag);
    }
  });

  it("names settings that exist", () => {
    const variables: string[] = Object.values(SETTINGS).map(({ variable }) => variable);
    const named = all(/\b(OTA_[A-Z_]*)\b(?!\*)/g, text).filter((name) => !OTHER_VARIABLES.includes(name));
    for (const name of named) expect(variables).toContain(name);
  });
});

describe("the version of package.json", () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };

  it.each([
    ["README.md", /ota-gateway-client-(.+?)\.tgz/g],
    ["docs/container.md", /VERSION=(\S+)/g],
    ["deploy/kubernetes/gateway/kustomization.yaml", /newTag: (\S+)/g],
  ])("is that of %s", (path, pattern) => {
    const named = all(pattern, readFileSync(path, "utf8"));
    expect(named.length).toBeGreaterThan(0);
    expect(new Set(named)).toEqual(new Set([version]));
  });
});

describe("docs/architecture.md", () => {
  it("names files that exist (was: the ledger's script by an earlier name)", () => {
    const files = new Set(
      ["src", "test"]
        .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }))
        .map((path) => basename(path)),
    );
    const named = all(/`(?:[\w-]+\/)*([\w-]+\.ts)`/g, texts.get("docs/architecture.md") ?? "");
    expect(named.length).toBeGreaterThan(100);
    expect(named.filter((name) => !files.has(name))).toEqual([]);
  });
});

describe("docs/maintaining.md", () => {
  it("names files that exist", () => {
    const paths = all(
      /`((?:\.ci|bench|deploy|docs|proto|scripts|src|test)\/[^\s`]*|Dockerfile|[\w-]+\.(?:json|md))`/g,
      texts.get("docs/maintaining.md") ?? "",
    );
    expect(paths.length).toBeGreaterThan(40);
    expect(paths.filter((path) => !existsSync(path))).toEqual([]);
  });
});

function flagsOf(command: Command): string[] {
  return [command, ...command.commands].flatMap(({ options }) => [
    "--help",
    ...options.flatMap(({ long }) => long ?? []),
  ]);
}
