import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { parseHeader } from "../../src/drivers/qemu-img/header.ts";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import { isSnapledgerError } from "../../src/errors.ts";
import { Random } from "../support/random.ts";
import type { Ran } from "../support/built-cli.ts";
import { countOf, seedOr, whole } from "../support/sample.ts";
import { bundle, Terminal } from "../support/built-cli.ts";
import { logLength, withStore } from "../support/scene.ts";
import { freshFolder } from "../support/folders.ts";
import { makeQcow2, makeRaw, MiB, qemuImg, readAll, readWithQemu, writePattern } from "../support/images.ts";
import { drawnImage } from "./headers.ts";

/** Images and names of files that want to be something else: an option, a protocol, a pipe, a device, somebody's secret. */

/** Killed, and a failure, when it waits for something that never comes. */
async function within(seconds: number, terminal: Terminal, ...args: readonly string[]): Promise<Ran> {
  const child = terminal.start(...args);
  const [out, err]: Buffer[][] = [[], []];
  child.stdout?.on("data", (chunk: Buffer) => out?.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => err?.push(chunk));
  const watchdog = setTimeout(() => child.kill("SIGKILL"), seconds * 1000);
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(watchdog);
  const text = (chunks: Buffer[] | undefined) => Buffer.concat(chunks ?? []).toString();
  return { status: status ?? -1, stdout: text(out), stderr: text(err) };
}

function makePipe(path: string): string {
  execFileSync("mkfifo", [path]);
  return path;
}

describe("what is no image", () => {
  let terminal: Terminal;
  const at = (name: string) => join(terminal.home, name);
  beforeAll(async () => {
    terminal = await withStore();
    makePipe(at("pipe"));
    symlinkSync("pipe", at("link-to-pipe"));
    symlinkSync("/dev/zero", at("link-to-zero"));
    mkdirSync(at("folder"));
  });

  it.each([
    ["a pipe, which nobody writes to", "pipe", "USAGE"],
    ["a link to a pipe", "link-to-pipe", "USAGE"],
    ["a pipe that is said to be raw", "pipe,format=raw", "IMAGE_INVALID"],
    ["a device without end", "link-to-zero", "USAGE"],
    ["a device that is said to be raw", "/dev/zero,format=raw", "IMAGE_INVALID"],
    ["a folder", "folder", "USAGE"],
    ["standard input", "/dev/stdin,format=raw", "IMAGE_INVALID"],
  ])("is refused and not waited for: %s", async (_, disk, code) => {
    const before = await logLength(terminal);
    const { status, stderr } = await within(30, terminal, "define", "--name", "web", "--disk", `vda=${disk}`);
    expect({ status, stderr }).toEqual({
      status: code === "USAGE" ? 2 : 3,
      stderr: expect.stringMatching(new RegExp(`^error \\[${code}\\] .*\nhint: .*\n$`)) as unknown,
    });
    expect(await logLength(terminal)).toBe(before);
  });

  it("is refused without reading it to an end it does not have, as XML", async () => {
    const { status, stderr } = await within(30, terminal, "define", "/dev/zero");
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^error \[INVALID_XML\] .*longer than 1 MiB/)]);
  });
});

/** What the driver says of an image; a failure when it waits. */
async function inspected(path: string): Promise<{ code: string; message: string }> {
  const looked = qemuDriver()
    .inspectImage(path, "qcow2")
    .then(
      () => ({ code: "accepted", message: "" }),
      (error: unknown) => {
        if (isSnapledgerError(error)) return { code: error.code, message: error.message };
        throw error;
      },
    );
  return Promise.race([looked, sleep(20_000, { code: "waited", message: "" }, { ref: false })]);
}

describe("a backing file", () => {
  const folder = freshFolder();
  const at = (name: string) => join(folder, name);
  makePipe(at("pipe"));
  symlinkSync("pipe", at("to-pipe"));
  symlinkSync("/dev/null", at("to-null"));

  it.each([
    ...['json:{"driver":"file","filename":"/etc/passwd"}', "nbd:localhost:1", "nbd+unix:///x?socket=/run/x"],
    ...[
      "https://example.invalid/x",
      "ssh://example.invalid/x",
      "fat:/etc",
      "relative.qcow2",
      "../up.qcow2",
      "file:/etc/passwd",
    ],
    ...[
      "/dev/null",
      "/dev/zero",
      "/dev/mem",
      "/proc/self/fd/0",
      "/dev/stdin",
      at("pipe"),
      at("to-pipe"),
      at("to-null"),
      "/",
      "/nowhere",
    ],
  ])("that is %s is not followed, and is named", async (backing) => {
    for (const format of ["raw", "qcow2"]) {
      const path = at("image");
      await qemuImg("create", "-q", "-f", "qcow2", "-u", "-b", backing, "-F", format, path, "1M");
      const { code, message } = await inspected(path);
      expect([code, message]).toEqual(["IMAGE_INVALID", expect.stringContaining(backing) as unknown]);
    }
  });

  it("whose format is not stated is not guessed at", async () => {
    const secret = at("secret");
    writeFileSync(secret, "0123456789abcdef".repeat(64), { mode: 0o600 });
    const path = await makeQcow2(at("silent"), MiB, { path: secret, format: "raw" });
    const bytes = readFileSync(path);
    bytes.writeUInt32BE(0x12345678, bytes.indexOf(Buffer.from([0xe2, 0x79, 0x2a, 0xca])));
    writeFileSync(path, bytes);
    expect(await inspected(path)).toMatchObject({
      code: "IMAGE_INVALID",
      message: expect.stringContaining(secret) as unknown,
    });
  });
});

it("a raw disk whose guest has written an image's header into it stays a raw disk", async () => {
  const terminal = await withStore();
  const secret = makeRaw(join(terminal.home, "secret"), 64 * 1024);
  writeFileSync(secret, Buffer.alloc(64 * 1024, "secret!!"));
  const trap = await makeQcow2(join(terminal.home, "trap"), MiB, { path: secret, format: "raw" });
  const raw = join(terminal.home, "raw.img");
  copyFileSync(trap, raw);
  execFileSync("truncate", ["--size=%512", raw]);
  const guessed = await terminal.run("define", "--name", "web", "--disk", `vda=${raw},format=raw`);
  expect([guessed.status, guessed.stderr]).toEqual([0, ""]);
  const [{ head }] = (await terminal.json("domblklist", "web")) as [{ head: { path: string } }];
  const seen = await readWithQemu(head.path, "qcow2");
  expect(seen.includes("secret!!secret!!")).toBe(false);
  expect(seen.subarray(0, 4)).toEqual(readFileSync(trap).subarray(0, 4));
});

/** Whether another user gets there: a checkout may lie in a folder of root's alone. */
function isForAll(path: string): boolean {
  const isOpen = (statSync(path).mode & 0o005) === 0o005;
  return isOpen && (path === "/" || isForAll(dirname(path)));
}

const asOthers = process.getuid?.() === 0 && isForAll(import.meta.dirname);
it.skipIf(!asOthers)("somebody else's secret is not read for whoever may not read it", async () => {
  const root = freshFolder();
  const terminal = new Terminal(join(root, "home"));
  const [nobody, secret] = [65534, join(root, "secret")];
  mkdirSync(terminal.home);
  writeFileSync(secret, "the secret's own words\n".repeat(1000), { mode: 0o600 });
  const image = await makeQcow2(join(terminal.home, "image"), MiB, { path: secret, format: "raw" });
  chmodSync(root, 0o755);
  for (const path of [terminal.home, image]) chownSync(path, nobody, nobody);
  const config = join(terminal.home, "x.xml");
  symlinkSync(secret, config);
  const ran = asUser(nobody, terminal);
  expect(ran("init")).toMatchObject({ status: 0 });
  for (const args of [
    ["define", "--name", "a", "--disk", "vda=image"],
    ["define", "--name", "b", "--disk", `vda=${secret},format=raw`],
    ["define", config],
  ]) {
    const { status, stdout, stderr } = ran(...args);
    expect({ args, status, said: stdout + stderr }).toEqual({
      args,
      status: expect.toSatisfy((code: number) => code >= 1 && code <= 4) as unknown,
      said: expect.stringContaining(args.includes(config) ? config : secret) as unknown,
    });
    expect(stdout + stderr).not.toContain("own words");
  }
});

function asUser(uid: number, { home, environment }: Terminal): (...args: string[]) => Ran {
  const script =
    "process.setgroups([]); process.setgid(+process.argv[1]); process.setuid(+process.argv[1]); process.argv.splice(1, 1); require(process.argv[1])";
  return (...args) => {
    try {
      const options = { cwd: home, env: environment, encoding: "utf8" as const, stdio: "pipe" as const };
      return {
        status: 0,
        stdout: execFileSync(process.execPath, ["-e", script, String(uid), bundle, ...args], options),
        stderr: "",
      };
    } catch (error) {
      return error as Ran;
    }
  };
}

describe("names that look like options, protocols or formats", () => {
  /** Four of them stand for all. */
  const some = ["a:b.qcow2", "json:{}.qcow2", "-x,format=raw", "new\nline %s"];
  const more = ["nbd:localhost:1", "a,b.qcow2", "%s%n.qcow2", "-o", " é雪 .qcow2", "fat:rw:x", "$(id).qcow2"];
  const odd = whole ? [...some, ...more] : some;

  it("are files: defined, snapshotted, merged and discarded, every byte right", async () => {
    const terminal = await withStore();
    const target = (i: number) => `vd${String.fromCharCode(97 + i)}`;
    for (const [i, name] of odd.entries()) {
      await writePattern(await makeQcow2(join(terminal.home, name), MiB), "qcow2", 0, 65536, 1 + i);
    }
    await terminal.ok(
      "define",
      "--name",
      "web",
      ...odd.flatMap((name, i) => ["--disk", `${target(i)}=${name},format=qcow2`]),
    );
    const heads = async () =>
      ((await terminal.json("domblklist", "web")) as { head: { path: string } }[]).map(({ head }) => head.path);
    const write = async (byte: number, at: number) => {
      for (const path of await heads()) await writePattern(path, "qcow2", at, 65536, byte);
    };
    await write(101, 65536);
    await terminal.ok("snapshot-create-as", "web", "a", "--offline");
    const { layers } = (await terminal.json("snapshot-info", "web", "a")) as { layers: Record<string, string> };
    const wanted = await Promise.all(odd.map((_, i) => readAll(layers[target(i)]!, "qcow2")));
    await terminal.ok("snapshot-deactivate", "web", "a", "--merge");
    for (const [i, name] of odd.entries()) {
      const base = await readAll(join(terminal.home, name), "qcow2");
      expect([name, base.equals(wanted[i]!), base[0], base[65536]]).toEqual([name, true, 1 + i, 101]);
    }
    await terminal.ok("snapshot-create-as", "web", "c", "--offline");
    await terminal.ok("snapshot-deactivate", "web", "c", "--discard");
    for (const [i, path] of (await heads()).entries())
      expect((await readAll(path, "qcow2")).equals(wanted[i]!)).toBe(true);
  });
});

it("what our reader of headers takes, QEMU reads the same", async () => {
  const path = join(freshFolder(), "image");
  let taken = 0;
  const count = countOf({ usual: 40, whole: 2000 });
  const first = seedOr(1);
  for (let seed = first; seed < first + count; seed++) {
    const bytes = drawnImage(new Random(seed));
    // What it is backed by is not there: only the header is compared.
    writeFileSync(path, bytes);
    const ours = (() => {
      try {
        return parseHeader(path, bytes, bytes.length);
      } catch {
        return undefined;
      }
    })();
    if (ours === undefined) continue;
    const told = await qemuImg("info", "-U", "-f", "qcow2", "--output=json", path).catch(() => undefined);
    if (told === undefined) continue; // it looks at more than the header; a definition asks it too
    const info = JSON.parse(told) as Record<string, unknown>;
    expect([seed, ours.virtualBytes, ours.clusterBytes, ours.backing?.path]).toEqual([
      seed,
      info["virtual-size"],
      info["cluster-size"],
      info["backing-filename"],
    ]);
    taken++;
  }
  expect(taken).toBeGreaterThan(count / 10);
});
