import { once } from "node:events";
import { chmod, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { SnapledgerError } from "../../errors.ts";
import type { MemoryFile } from "../../events/records.ts";
import type { StepOptions } from "../driver.ts";
import { interrupted } from "../errors.ts";
import { discardDraft, fileError, makeDraft, openFile } from "../qemu-img/files.ts";
import { sockets } from "./folder.ts";
import type { GuestFolder } from "./folder.ts";
import type { Qmp } from "./qmp.ts";
import { startPacker, unpack } from "./zstd.ts";

/** A guest's memory goes through a unix socket in its folder, both ways: QEMU needs no shell and no right to the file. */

export interface Saving {
  readonly path: string;
  /** The program to pack it with; undefined: it is saved as it is. */
  readonly zstd: string | undefined;
}

/**
 * Makes a guest stand still and writes its memory into the draft of `path`, whole when it resolves but not synced yet:
 * the guest need not wait for that. When it rejects, it stands still, if it came to that, and there is no draft.
 */
export async function saveMemory(
  folder: GuestFolder,
  qmp: Qmp,
  { path, zstd }: Saving,
  watch?: StepOptions,
): Promise<void> {
  const draft = makeDraft(path);
  const file = await openFile(draft, "r+");
  const server = await listen(folder);
  const cancel = () => void qmp.execute("migrate_cancel").catch(() => undefined);
  watch?.signal?.addEventListener("abort", cancel, { once: true });
  const packer = zstd === undefined ? undefined : startPacker(file, { program: zstd, path, watch });
  const reader = new Reader(server, (socket) => packer?.feed(socket) ?? writeFile(file, socket));
  try {
    // Whichever fails first says why; the other only follows it.
    await Promise.all([reader.done, qmp.execute("stop").then(() => migrate(qmp, path, watch))]);
  } catch (error) {
    cancel();
    const why = (await reader.end()) ?? error;
    await packer?.letGo();
    await discardDraft(path);
    throw watch?.signal?.aborted === true ? interrupted("saving of memory", path) : fileError(why, path);
  } finally {
    watch?.signal?.removeEventListener("abort", cancel);
    server.close();
    await file.close();
  }
}

/** What takes the memory in, from the first connection on. */
class Reader {
  readonly done: Promise<void>;
  readonly #gaveUp = new AbortController();
  #socket: Socket | undefined;

  constructor(server: Server, read: (socket: Socket) => Promise<void>) {
    this.done = once(server, "connection", { signal: this.#gaveUp.signal }).then(([socket]) => {
      this.#socket = socket as Socket;
      return read(this.#socket);
    });
  }

  /** Nothing works on the file any more when it resolves; with why, where the reading itself failed before. */
  async end(): Promise<SnapledgerError | undefined> {
    this.#gaveUp.abort();
    this.#socket?.destroy();
    const why = await this.done.catch((error: unknown) => error);
    return why instanceof SnapledgerError ? why : undefined;
  }
}

async function listen(folder: GuestFolder): Promise<Server> {
  await rm(folder.file(sockets.memory), { force: true });
  const server = createServer();
  return folder.withSocket(sockets.memory, async (path) => {
    server.listen(path);
    await once(server, "listening");
    await chmod(folder.file(sockets.memory), 0o600);
    return server;
  });
}

async function migrate(qmp: Qmp, path: string, watch?: StepOptions): Promise<void> {
  // The guest stands still meanwhile: there is nothing to be considerate of.
  await qmp.execute("migrate-set-parameters", { "max-bandwidth": 2 ** 40 });
  await qmp.execute("migrate-set-capabilities", { capabilities: [{ capability: "events", state: true }] });
  await qmp.execute("migrate", { uri: `unix:${sockets.memory}` });
  await qmp.until(async () => {
    const { status, ram, "error-desc": why } = await qmp.execute("query-migrate");
    if (ram) watch?.onProgress?.({ step: "memory", path, done: ram.transferred, total: ram.total });
    if (status === "failed" || status === "cancelled") throw notSaved(path, why ?? status);
    // Completed is too early: QEMU lets nobody continue the guest before it says postmigrate (measured).
    return (await qmp.execute("query-status")).status === "postmigrate" ? true : undefined;
  });
}

function notSaved(path: string, why: string): SnapledgerError {
  const message = `The guest's memory could not be saved to "${path}": ${why}.`;
  return new SnapledgerError("DRIVER_FAILED", message, { facts: { path, tool: why } });
}

/** Fills a guest that waits for its memory. QEMU ends itself over one that it cannot load: GUEST_GONE. */
export async function loadMemory(folder: GuestFolder, qmp: Qmp, memory: MemoryFile): Promise<void> {
  const { path, compression } = memory;
  const file = await openFile(path, "r");
  const unpacked = compression === undefined ? undefined : unpack(file);
  try {
    await qmp.execute("migrate-incoming", { uri: `unix:${sockets.memory}` });
    const socket = await folder.withSocket(sockets.memory, async (at) => {
      const made = connect(at);
      await once(made, "connect");
      return made;
    });
    // QEMU hangs up on what it cannot load; what it says then is more to the point.
    const content = unpacked?.content ?? file.createReadStream({ autoClose: false });
    const sent = pipeline(content, socket).catch(() => undefined);
    await qmp.until(async () => {
      const { status } = await qmp.execute("query-status");
      return status === "inmigrate" ? undefined : status;
    });
    await sent;
  } finally {
    await unpacked?.stop();
    await file.close();
  }
}
