import { execFile, spawn } from "node:child_process";
import { closeSync, fdatasyncSync, fsyncSync, linkSync, mkdirSync, openSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { findProgram } from "../../src/system/run-program.ts";
import { connect, init } from "../../src/connection/connection.ts";
import type { Connection } from "../../src/connection/api.ts";
import { caller } from "../caller.ts";
import { interleaved, milliseconds } from "../rounds.ts";
import type { Bench, Findings, Subject } from "../row.ts";

/**
 * Create and merge on real images, against a bare loop that makes the same calls of qemu-img and the same fsyncs in the
 * same order and keeps no log (they were read off a trace of the system calls).
 */
export const images: Subject = {
  name: "images",
  about: "create and merge on real images, against the same qemu-img calls and fsyncs from a bare loop",
  rows: ["create", "merge"],
  run,
};

const MiB = 1024 * 1024;
const imageBytes = 256 * MiB;
/** What a guest wrote since the last snapshot, and a merge has to copy. */
const writtenMiB = 16;
const execute = promisify(execFile);

/** A domain of one disk, ours or bare: both do the same to files of their own. */
interface Subjected {
  create(name: string): Promise<void>;
  /** Merges the current snapshot into its parent. */
  merge(name: string): Promise<void>;
  head(): Promise<string>;
  close(): Promise<void>;
}

async function run({ quick, folder, say }: Bench): Promise<Findings> {
  say("create and merge on real images ...");
  const [ours, bare] = [await managed(join(folder, "ours")), await bareDomain(join(folder, "bare"))];
  const times = {
    create: { ours: [] as number[], bare: [] as number[] },
    merge: { ours: [] as number[], bare: [] as number[] },
  };
  let made = 0;
  const turn = (of: Subjected, create: number[], merge: number[]) => async () => {
    const [below, above] = [`s${++made}`, `s${++made}`];
    create.push(await milliseconds(() => of.create(below)));
    await execute("qemu-io", ["-f", "qcow2", "-c", `write -P ${made % 255} 0 ${writtenMiB}M`, await of.head()]);
    create.push(await milliseconds(() => of.create(above)));
    const took = await milliseconds(() => of.merge(above));
    merge.push(took);
    return took;
  };
  await interleaved(quick ? 4 : 20, {
    ours: turn(ours, times.create.ours, times.merge.ours),
    bare: turn(bare, times.create.bare, times.merge.bare),
  });
  await Promise.all([ours.close(), bare.close()]);
  const rest = { control: "the same calls and fsyncs", unit: "ms" } as const;
  const { create, merge } = times;
  return {
    rows: {
      create: { what: "create on a real image", ...rest, ours: create.ours, controls: create.bare },
      merge: { what: `merge of ${writtenMiB} MiB`, ...rest, ours: merge.ours, controls: merge.bare },
    },
  };
}

async function baseImage(folder: string): Promise<string> {
  mkdirSync(folder, { mode: 0o700 });
  const path = join(folder, "base.qcow2");
  await execute("qemu-img", ["create", "-q", "-f", "qcow2", path, String(imageBytes)]);
  return path;
}

async function managed(folder: string): Promise<Subjected> {
  const path = await baseImage(folder);
  const store = join(folder, "store");
  await (await init(store, caller)).close();
  const connection: Connection = await connect({ store, hold: true });
  const disks = [{ target: "vda", path, format: "qcow2" }] as const;
  const rest = { memoryMib: null, vcpus: null, unmanaged: [], layersFolder: null, xmlSha256: null };
  const define = {
    type: "DefineDomain",
    uuid: crypto.randomUUID(),
    name: "web",
    driver: "qemu",
    disks,
    ...rest,
  } as const;
  await connection.execute(define, caller);
  const how = { description: "", compression: null, offline: true, diskOnly: false };
  return {
    async create(name) {
      await connection.execute({ type: "CreateSnapshot", domain: "web", name, ...how }, caller);
    },
    async merge(snapshot) {
      const merge = { type: "MergeSnapshot", domain: "web", snapshot, force: false, discardChanges: false } as const;
      const { folded } = await connection.execute(merge, caller);
      if (folded !== 1) throw new Error(`${folded} layers were folded`);
    },
    head: async () => (await connection.domain("web")).disks[0]?.head.path ?? "",
    close: () => connection.close(),
  };
}

async function bareDomain(folder: string): Promise<Subjected> {
  /** From the base image to the head. */
  const chain = [await baseImage(folder)];
  const [log, headFile] = [openSync(join(folder, "log"), "w"), openSync(join(folder, "head"), "w")];
  let made = 0;
  const record = () => {
    writeSync(log, line);
    fdatasyncSync(log);
    writeSync(headFile, line, 0);
    fdatasyncSync(headFile);
  };
  const overlay = async (): Promise<void> => {
    const [backing = "", path] = [chain.at(-1), join(folder, `layer-${++made}.qcow2`)];
    closeSync(openSync(`${path}.tmp`, "wx", 0o600));
    await qemuImg("create", "-f", "qcow2", "-u", "-b", backing, "-F", "qcow2", `${path}.tmp`, String(imageBytes));
    sync(`${path}.tmp`);
    linkSync(`${path}.tmp`, path);
    unlinkSync(`${path}.tmp`);
    sync(folder);
    chain.push(path);
  };
  await overlay();
  const check = (path: string) => qemuImg("check", "--output=json", alone(path));
  const info = (path: string) => qemuImg("info", "-f", "qcow2", "--output=json", path);
  return {
    async create() {
      await check(chain.at(-1) ?? "");
      record();
      await overlay();
      record();
    },
    async merge() {
      const [into = "", from = "", head = ""] = chain.slice(-3);
      for (const path of [head, from]) await info(path);
      await check(into);
      // What was asked for, what was decided, and that a fold begins.
      for (let n = 0; n < 3; n++) record();
      await qemuImg("commit", "-p", "-d", "-f", "qcow2", "-b", into, from);
      sync(into);
      sync(into);
      await qemuImg("rebase", "-u", "-f", "qcow2", "-b", into, "-F", "qcow2", head);
      sync(head);
      await qemuImg("check", "-r", "leaks", "-f", "qcow2", "--output=json", into);
      sync(into);
      record();
      await qemuImg("info", "-f", "blkdebug", "--output=json", unshared(from));
      unlinkSync(from);
      sync(folder);
      record();
      chain.splice(-2, 1);
    },
    head: () => Promise.resolve(chain.at(-1) ?? ""),
    close() {
      for (const fd of [log, headFile]) closeSync(fd);
      return Promise.resolve();
    },
  };
}

/** As long as a record of a create. */
const line = `${"x".repeat(1023)}\n`;

/** Without the files that it stands on. */
function alone(path: string): string {
  return `json:${JSON.stringify({ driver: "qcow2", backing: null, file: { driver: "file", filename: path } })}`;
}

function unshared(path: string): string {
  const image = { driver: "file", filename: path };
  return `json:${JSON.stringify({ driver: "blkdebug", image, "unshare-child-perms": ["write", "resize"] })}`;
}

function qemuImg(...args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(findProgram("qemu-img", "qemu-utils"), [...args], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) stream.resume();
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`qemu-img ${args[0]} exits ${code}`));
    });
  });
}

function sync(path: string): void {
  const fd = openSync(path, "r");
  fsyncSync(fd);
  closeSync(fd);
}
