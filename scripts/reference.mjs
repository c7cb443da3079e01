// Writes docs/reference.md, the contract as a page: from the proto file with its comments, and the
// requests and answers of test/golden/rpc-examples.json, which a test compares with those of a
// gateway. With --check it writes nothing, and ends with 1 if the page is out of date.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createFileRegistry, fromBinary, getOption, hasOption } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

process.chdir(join(dirname(fileURLToPath(import.meta.url)), ".."));
const PAGE = "docs/reference.md";
const MOST_CHARACTERS = 100;
const VERBS = ["get", "put", "post", "delete", "patch"];

const registry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, buf("build", "--as-file-descriptor-set", "-o", "-")),
);
const file = registry.getFile("ota/v1/ota_service.proto");
const [http, behavior] = ["http", "field_behavior"].map((name) => registry.getExtension(`google.api.${name}`));
const [ota] = file.services;
const operations = registry.getService("google.longrunning.Operations");
const comments = new Map(file.proto.sourceCodeInfo.location.map((each) => [each.path.join("."), each]));
const examples = JSON.parse(readFileSync("test/golden/rpc-examples.json", "utf8"));
const reasons = new Set(
  [...readFileSync("docs/errors.md", "utf8").matchAll(/^## ([A-Z_]+)$/gm)].map(([, name]) => name),
);
const messages = file.messages.flatMap((each) => [each, ...each.nestedMessages]);
/** Where a name in a comment links to. */
const ofReasons = new Map([...reasons].map((reason) => [reason, `errors.md#${reason.toLowerCase()}`]));
const anchors = new Map([
  ...ofReasons,
  ...[...messages, ...file.enums, ...ota.methods, ...operations.methods].map(({ name }) => [name, anchorOf(name)]),
  ...file.enums.flatMap(({ name, values }) => values.map((value) => [value.name, anchorOf(name)])),
]);

const page = render();
if (!process.argv.includes("--check")) writeFileSync(PAGE, page);
else if (readFileSync(PAGE, "utf8") !== page) {
  console.error(`${PAGE} is not what the contract and its examples say; run: node scripts/reference.mjs`);
  process.exitCode = 1;
}

function render() {
  const about = paragraphsOf(comments.get("6.0").leadingDetachedComments.at(-1));
  const ofOperations = new Map(
    about.map((text) => /^(\w+): (.*)$/s.exec(text)).flatMap((found) => (found ? [found.slice(1)] : [])),
  );
  const isOwn = (text) => operations.methods.some(({ name }) => text.startsWith(`${name}: `));
  return [
    "# Reference",
    "<!-- Made by scripts/reference.mjs: change the contract or test/golden/rpc-examples.json. -->",
    prose(commentOf("12")),
    wrapped(
      "The contract is [proto/ota/v1/ota_service.proto](../proto/ota/v1/ota_service.proto); this page is made from " +
        "it. Requests and answers are in the JSON form of protobuf, in which 64-bit numbers are strings and " +
        "defaults are left out: first the request, then the answer. A test sends each request to a gateway in front of the emulator and compares the " +
        "answer with this page; times, durations and ids are replaced. [errors.md](errors.md) says what to do about " +
        "each reason, [clients.md](clients.md) how to call from your language, and [http.md](http.md) how to serve " +
        "the paths below.",
    ),
    tableOf(
      ["rpc", "kind", "HTTP"],
      [...ota.methods, ...operations.methods].map((rpc) => [
        `[${rpc.name}](${anchorOf(rpc.name)})`,
        kindOf(rpc),
        pathOf(rpc),
      ]),
    ),
    "## OtaService",
    prose(commentOf("6.0")),
    ...ota.methods.flatMap((rpc, at) => sectionOf(rpc, commentOf(`6.0.2.${at}`))),
    "## Operations",
    prose(about.filter((text) => !isOwn(text))),
    ...operations.methods.flatMap((rpc) => sectionOf(rpc, [sentence(ofOperations.get(rpc.name))])),
    "## Messages",
    ...file.messages.flatMap((message, at) => messageSections(message, `4.${at}`)),
    "## Enums",
    ...file.enums.flatMap(({ name, values }, at) => [
      `### ${name}`,
      prose(commentOf(`5.${at}`), name),
      tableOf(
        ["number", "value", ""],
        values.map((value, index) => [value.number, `\`${value.name}\``, cell(commentOf(`5.${at}.2.${index}`))]),
      ),
    ]),
    "",
  ]
    .join("\n\n")
    .replace(/\n+$/, "\n");
}

function sectionOf(rpc, comment) {
  const shown = examples.filter((each) => each.rpc === `${rpc.parent.typeName}/${rpc.name}`);
  if (shown.length === 0) throw new Error(`test/golden/rpc-examples.json has no example of ${rpc.name}`);
  return [
    `### ${rpc.name}`,
    tableOf(
      ["rpc", "kind", "request", "answer", "HTTP"],
      [[`\`${rpc.parent.typeName}/${rpc.name}\``, kindOf(rpc), typeOf(rpc.input), typeOf(rpc.output), pathOf(rpc)]],
    ),
    prose(comment, rpc.name),
    ...shown.flatMap(({ title, requests, answers, error }) => [
      ...(title === "" ? [] : [linked(title)]),
      jsonBlock(requests),
      jsonBlock(error ? [...answers, error] : answers),
    ]),
  ];
}

function messageSections(message, path) {
  const rows = message.fields.map((field, at) => [
    field.number,
    `\`${field.name}\``,
    [
      typeOfField(field),
      ...(isRequired(field) ? ["**required**"] : []),
      ...(field.oneof ? [`one of \`${field.oneof.name}\``] : []),
    ].join(", "),
    cell(commentOf(`${path}.2.${at}`)),
  ]);
  return [
    `### ${message.name}`,
    prose(commentOf(path), message.name),
    tableOf(["number", "field", "type", ""], rows),
    ...message.nestedMessages.flatMap((each, at) => messageSections(each, `${path}.3.${at}`)),
  ];
}

function isRequired(field) {
  return hasOption(field, behavior) && getOption(field, behavior).includes(2);
}

function typeOfField(field) {
  const single = field.message ?? field.enum ?? field.listKind;
  const type =
    field.fieldKind === "list"
      ? field.listKind === "scalar"
        ? scalarOf(field)
        : typeOf(single)
      : (field.message ?? field.enum)
        ? typeOf(single)
        : scalarOf(field);
  return field.fieldKind === "list" ? `repeated ${type}` : field.proto.proto3Optional ? `optional ${type}` : type;
}

/** As the proto file writes it: descriptors number the scalar types. */
function scalarOf({ scalar }) {
  return { 3: "int64", 4: "uint64", 5: "int32", 8: "bool", 9: "string" }[scalar];
}

function typeOf({ name, typeName }) {
  return anchors.has(name) && typeName.startsWith("ota.v1.") ? `[${name}](${anchors.get(name)})` : `\`${typeName}\``;
}

function kindOf({ methodKind }) {
  return {
    unary: "unary",
    client_streaming: "client stream",
    server_streaming: "server stream",
    bidi_streaming: "stream both ways",
  }[methodKind];
}

function pathOf(rpc) {
  if (!hasOption(rpc, http)) return "";
  const { pattern, body } = getOption(rpc, http);
  return VERBS.includes(pattern.case)
    ? `\`${pattern.case.toUpperCase()} ${pattern.value}\`${body === "*" ? ", the request as body" : ""}`
    : "";
}

function anchorOf(name) {
  return `#${name.toLowerCase()}`;
}

function commentOf(path) {
  return paragraphsOf(comments.get(path)?.leadingComments ?? "");
}

/** The paragraphs of a comment; a table is one of them. Instructions to buf are left out. */
function paragraphsOf(comment) {
  return comment
    .split("\n")
    .map((line) => line.replace(/^ /, ""))
    .filter((line) => !line.startsWith("buf:lint:"))
    .join("\n")
    .split(/\n\s*\n/)
    .map((text) => text.trim())
    .filter((text) => text !== "");
}

/** `self` is the section that they are in, to which nothing links. A name may be two things. */
function prose(paragraphs, self) {
  return paragraphs
    .map((text) => {
      if (text.startsWith("|")) return tableOfReasons(text);
      return wrapped(linked(text.replaceAll("\n", " "), self, text.startsWith("Errors:") ? ofReasons : undefined));
    })
    .join("\n\n");
}

/** The first column has gRPC's codes. Some are names of reasons too. */
function tableOfReasons(text) {
  return text.replaceAll(/^ *(\|[^|]*)(.*)$/gm, (_, code, rest) => `${code}${linked(rest, "", ofReasons)}`);
}

function cell(paragraphs) {
  return linked(paragraphs.join("<br><br>").replaceAll("\n", " ").replaceAll("|", "\\|"));
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** Names of the contract, outside code, as links. */
function linked(text, self = "", first = anchors) {
  return text
    .split(/(`[^`]*`)/)
    .map((part) =>
      part.startsWith("`")
        ? part
        : part.replaceAll(/\b[A-Z]\w+\b/g, (name) => {
            const target = first.get(name) ?? anchors.get(name);
            return target && name !== self ? `[${name}](${target})` : name;
          }),
    )
    .join("");
}

/** Lines of at most 100 characters that a person sees. */
function wrapped(text) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trimStart();
    const seen = longer.replaceAll(/\]\([^)]*\)/g, "]").length;
    if (seen <= MOST_CHARACTERS) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.join("\n");
}

function tableOf(titles, rows) {
  return [titles, titles.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function jsonBlock(values) {
  return `\`\`\`json\n${values.map((each) => json(each)).join("\n")}\n\`\`\``;
}

/** JSON in lines as long as they may be. */
function json(value, indent = "") {
  const line = JSON.stringify(value, null, 1).replaceAll(/\n\s*/g, " ");
  if (line.length + indent.length <= 80 || typeof value !== "object" || value === null) return line;
  const deeper = `${indent}  `;
  const inner = Array.isArray(value)
    ? value.map((each) => json(each, deeper))
    : Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${json(each, deeper)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${inner.map((each) => `${deeper}${each}`).join(",\n")}\n${indent}${close}`;
}

function buf(...words) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["node_modules/@bufbuild/buf/bin/buf", ...words], {
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(stderr.toString());
  return stdout;
}
