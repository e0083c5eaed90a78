import { readFileSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DomainId } from "../../events/ids.ts";
import type { Machine } from "../../events/records.ts";
import { prepareFolder } from "../qemu-img/make.ts";
import { isAlive } from "../../system/process-id.ts";
import type { ProcessId } from "../../system/process-id.ts";
import { replaceFileBlocking } from "../../system/write.ts";

/** What is kept of a guest that was started, beside its sockets and its log. */
export interface GuestFile {
  readonly process: ProcessId;
  readonly machine: Machine;
}

/**
 * A guest's folder under the store's run folder, 0700: `guest.json`, `qemu.log` with QEMU's own words, and sockets.
 * QEMU works in it and names sockets relative to it, so that a store may lie as deep as it likes: the system's limit
 * of 107 bytes for a socket's path is met by going through the open folder.
 */
export class GuestFolder {
  readonly path: string;

  constructor(runFolder: string, domain: DomainId) {
    this.path = join(runFolder, "guests", domain);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  async prepare(): Promise<void> {
    await prepareFolder(this.path);
  }

  /** Sockets whose process is gone, and the word about it. */
  async clear(): Promise<void> {
    for (const name of [...Object.values(sockets), "guest.json"]) {
      await rm(this.file(name), { force: true });
    }
  }

  /** With blocking calls: right after the process is there, before anything else can happen to this one. */
  write(guest: GuestFile): void {
    replaceFileBlocking(this.file("guest.json"), JSON.stringify(guest), { synced: true });
  }

  /** undefined when none was started, or it is not there any more. */
  living(): GuestFile | undefined {
    const guest = this.read();
    return guest && isAlive(guest.process) ? guest : undefined;
  }

  read(): GuestFile | undefined {
    try {
      return JSON.parse(readFileSync(this.file("guest.json"), "utf8")) as GuestFile;
    } catch {
      return undefined;
    }
  }

  /** Hands `work` a path to a socket in the folder that is short enough for the system. */
  async withSocket<T>(name: string, work: (path: string) => Promise<T>): Promise<T> {
    const plain = this.file(name);
    if (Buffer.byteLength(plain) <= socketPathBytes) return work(plain);
    const folder = await open(this.path);
    try {
      return await work(`/proc/self/fd/${folder.fd}/${name}`);
    } finally {
      await folder.close();
    }
  }

  /** The end of what QEMU said since it was started. */
  lastWords(): string {
    try {
      return readFileSync(this.file("qemu.log"), "utf8").trim().split("\n").slice(-5).join("\n");
    } catch {
      return "";
    }
  }
}

/** Each serves one client at a time: `control` those that hold the domain's lock, `look` those that only read, `agent` the guest's own agent. */
export const sockets = { control: "qmp.sock", look: "look.sock", memory: "memory.sock", agent: "agent.sock" } as const;

/** sun_path without its final NUL (unix(7)). */
const socketPathBytes = 107;
