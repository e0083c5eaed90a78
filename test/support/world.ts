import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import type { SnapledgerError } from "../../src/errors.ts";
import { nothingCached, readDirectory, readDomainState, readFiles } from "../../src/queries/cache/cached-states.ts";
import { handle } from "../../src/commands/handle.ts";
import { memoryLocks } from "../../src/store/lock/domain-lock.ts";
import type { CommandContext } from "../../src/commands/context.ts";
import type { Driver } from "../../src/drivers/driver.ts";
import { crashable, withFaults } from "./faults.ts";
import type { Fuse } from "./faults.ts";
import { qemuDriver } from "../../src/drivers/qemu/index.ts";
import type { Command, DefineDomain, DiskDefinition } from "../../src/events/command.ts";
import type { AnyEvent, EventRecord } from "../../src/events/events.ts";
import type { NewId } from "../../src/events/ids.ts";
import { uuidv7 } from "../../src/events/ids.ts";
import type { EventLog } from "../../src/events/log.ts";
import { memoryEventLog } from "../../src/events/memory-log.ts";
import type { Backing } from "../../src/events/plan.ts";
import { parseRecord } from "../../src/events/seal.ts";
import type { ImageFormat } from "../../src/events/records.ts";
import type { Caller, Outcome, Request } from "../../src/connection/api.ts";
import type { DomainState } from "../../src/projections/state.ts";
import { deactivation, snapshotting, starting } from "./commands.ts";
import { makeQcow2, makeRaw } from "./images.ts";
import { sectorBytes } from "./model.ts";

/** Real images in a folder, a log in RAM, and one domain at a time worked on by managers that live for one command. */

export const caller: Caller = {
  ...{ user: "eve", uid: 1000, loginUid: 1000, sudoUser: null, host: "host", via: "library", knownBy: "process" },
  pid: null,
};

const run = promisify(execFile);

export interface DiskOf {
  readonly target: string;
  readonly format: ImageFormat;
  readonly sectors: number;
}

export const oneDisk: readonly DiskOf[] = [{ target: "vda", format: "qcow2", sectors: 16 }];
export const twoDisks: readonly DiskOf[] = [...oneDisk, { target: "vdb", format: "raw", sectors: 8 }];

/** Where a command's effects pass: a fuse that kills its process, and another driver than qemu-img. */
export interface Manager {
  readonly fuse?: Fuse;
  readonly driver?: Driver;
}

/** Where domains live on real images: helpers do not ask where the log is and who runs the commands. */
export abstract class Place {
  readonly folder: string;
  readonly layersRoot: string;
  readonly driver: Driver;
  /** Of one sector of the model. */
  readonly sectorBytes: number;

  constructor(folder: string, layersRoot: string, driver: Driver, bytes = sectorBytes) {
    this.folder = folder;
    this.layersRoot = layersRoot;
    this.driver = driver;
    this.sectorBytes = bytes;
  }

  abstract newId: NewId;
  abstract run(command: Command): Promise<Outcome>;
  /** The domain as its log tells it, folded from the start. */
  abstract state(uuid: string): Promise<DomainState>;

  /** Makes the base images and defines a domain on them; resolves with its uuid. */
  async define(name: string, disks: readonly DiskOf[]): Promise<string> {
    await mkdir(this.folder, { recursive: true });
    for (const disk of disks) await makeBase(this.base(name, disk), disk, this.sectorBytes);
    return this.defineOn(
      name,
      disks.map((disk) => ({ ...disk, path: this.base(name, disk) })),
    );
  }

  /** On images that are there; resolves with its uuid. */
  async defineOn(name: string, disks: readonly DiskDefinition[]): Promise<string> {
    const command = this.defining(name, disks);
    await this.run(command);
    return command.uuid;
  }

  defining(name: string, disks: readonly DiskDefinition[]): DefineDomain {
    return {
      ...{ type: "DefineDomain", uuid: this.newId(), name, driver: this.driver.name, memoryMib: null, vcpus: null },
      disks: disks.map(({ target, path, format }) => ({ target, path, format })),
      ...{ unmanaged: [], layersFolder: null, xmlSha256: null },
    };
  }

  base(name: string, { target, format }: { target: string; format: ImageFormat }): string {
    return join(this.folder, `${name}-${target}.${format}`);
  }

  /** What the guest writes while it runs: whole sectors of one disk's head. */
  async write(uuid: string, target: string, sectors: readonly number[], byte: number): Promise<void> {
    const { path } = await this.head(uuid, target);
    const at = (sector: number) => sector * this.sectorBytes;
    const commands = runsOf(sectors).flatMap(({ from, to }) => ["-c", `write -P ${byte} ${at(from)} ${at(to - from)}`]);
    await run("qemu-io", ["-f", "qcow2", ...commands, path]);
  }

  async head(uuid: string, target: string): Promise<Backing> {
    const { heads, layers } = await this.state(uuid);
    const { path, format } = layers.get(heads[target] ?? "")!.file;
    return { path, format };
  }

  /** Every file under the layers folder of a domain. */
  filesOf(uuid: string): string[] {
    const folder = join(this.layersRoot, uuid);
    return readdirSync(folder)
      .map((name) => join(folder, name))
      .sort();
  }
}

/** A log in RAM, and managers that live for one command. */
export class World extends Place {
  /** The log, line by line: all that outlives a manager beside the files. */
  readonly lines: string[] = [];
  #log: EventLog | undefined;
  #now = Date.UTC(2026, 0, 1);
  #random = 0;

  constructor(folder: string, driver: Driver = qemuDriver(), bytes = sectorBytes) {
    super(folder, join(folder, "layers"), driver, bytes);
  }

  clock = (): number => (this.#now += 1);
  override newId = uuidv7(this.clock, (bytes) => {
    const random = new Uint8Array(bytes);
    new DataView(random.buffer).setUint32(bytes - 4, ++this.#random);
    return random;
  });

  context({ fuse, driver = this.driver }: Manager = {}): CommandContext {
    const opened = this.#opened();
    const log = fuse ? crashable(opened, fuse) : opened;
    const used = fuse ? withFaults(driver, { fuse }) : driver;
    return {
      ...{ log: { use: (work) => work(log), close: () => log.close() }, locks: memoryLocks(), driver: () => used },
      states: {
        domain: (open, id) => readDomainState(open, id, nothingCached),
        directory: (open) => readDirectory(open, nothingCached),
        files: (open) => readFiles(open, nothingCached),
      },
      ...{ clock: this.clock, newId: this.newId, waitMs: 0, appended: () => undefined },
      layersRoot: this.layersRoot,
    };
  }

  /** A manager of its own runs one command and is gone. One that is killed leaves nothing but the log's lines. */
  override async run(command: Command, manager: Manager = {}, request: Request = {}): Promise<Outcome> {
    try {
      return await handle(this.context(manager), command, caller, request);
    } finally {
      if (manager.fuse) this.#log = undefined;
    }
  }

  /** The log is what it was once. */
  rewind(lines: readonly string[]): void {
    this.lines.splice(0, Infinity, ...lines);
    this.#log = undefined;
  }

  /** Managers that run at the same time share it, as they would share the database. */
  #opened(): EventLog {
    return (this.#log ??= memoryEventLog({ clock: this.clock, newId: this.newId, disk: this.lines }));
  }

  create = (domain: string, name: string) => this.run(snapshotting(domain, name));
  start = (domain: string, name: string) => this.run(starting(domain, name));
  deactivate = (domain: string, name: string) => this.run(deactivation("DeactivateSnapshot", domain, name));
  merge = (domain: string, name: string) => this.run(deactivation("MergeSnapshot", domain, name));
  discard = (domain: string, name: string) => this.run(deactivation("DiscardSnapshot", domain, name));
  recover = (domain: string) => this.run({ type: "RecoverDomain", domain });

  /** On images that are there; resolves with its uuid. */
  override async defineOn(name: string, disks: readonly DiskDefinition[], manager: Manager = {}): Promise<string> {
    const command = this.defining(name, disks);
    await this.run(command, manager);
    return command.uuid;
  }

  records(): EventRecord[] {
    return this.lines.map(parseRecord);
  }

  types(from = 0): AnyEvent["type"][] {
    return this.records()
      .slice(from)
      .map(({ type }) => type);
  }

  /** The domain as its log tells it, folded from the start. */
  override async state(uuid: string): Promise<DomainState> {
    return readDomainState(this.#opened(), uuid, nothingCached);
  }
}

/** Neighbours are written at once. */
function runsOf(sectors: readonly number[]): { from: number; to: number }[] {
  const runs: { from: number; to: number }[] = [];
  for (const sector of sectors) {
    const last = runs.at(-1);
    if (last?.to === sector) last.to = sector + 1;
    else runs.push({ from: sector, to: sector + 1 });
  }
  return runs;
}

async function makeBase(path: string, { format, sectors }: DiskOf, bytes: number): Promise<void> {
  if (format === "raw") makeRaw(path, sectors * bytes);
  else await makeQcow2(path, sectors * bytes);
  const clusters = Math.ceil((sectors * bytes) / sectorBytes);
  const commands = baseSectors(clusters).flatMap((byte, n) => {
    const length = Math.min(sectorBytes, sectors * bytes - n * sectorBytes);
    return byte === 0 ? [] : ["-c", `write -P ${byte} ${n * sectorBytes} ${length}`];
  });
  await run("qemu-io", ["-f", format, ...commands, path]);
}

/** What a base image is made with: most of its clusters written, some of them zeros. */
export function baseSectors(sectors: number, bytes = sectorBytes): number[] {
  return Array.from({ length: sectors }, (_, sector) => {
    const n = Math.floor((sector * bytes) / sectorBytes);
    return n % 4 === 3 ? 0 : 201 + (n % 55);
  });
}

/** The command is refused by this rule; resolves with the error. */
export async function refused(command: Promise<Outcome>, code: string) {
  const error: unknown = await command.then(
    () => new Error("it was not refused"),
    (rejection: unknown) => rejection,
  );
  expect(error).toMatchObject({ code });
  return error as SnapledgerError;
}
