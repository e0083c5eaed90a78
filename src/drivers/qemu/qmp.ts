import { connect } from "node:net";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { EventEmitter } from "eventemitter3";
import { SnapledgerError } from "../../errors.ts";
import type { QmpCommands } from "./qmp-commands.ts";

/** QEMU said no, in its own words. */
export class QmpError extends Error {
  override readonly name = "QmpError";
  readonly qmpClass: string;

  constructor(command: string, { class: qmpClass, desc }: QmpFailure) {
    super(`${command}: ${desc}`);
    this.qmpClass = qmpClass;
  }
}

export interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

interface QmpFailure {
  readonly class: string;
  readonly desc: string;
}

interface Answer {
  readonly QMP?: { readonly version: { readonly qemu: QemuVersion } };
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: QmpFailure;
  readonly event?: string;
}

export interface QemuVersion {
  readonly major: number;
  readonly minor: number;
  readonly micro: number;
}

export interface QmpOptions {
  /** How long QEMU may take to greet, and to answer one command. */
  readonly timeoutMs?: number;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One connection to a guest's control socket. QEMU serves one client of a socket at a time: who comes second is not
 * greeted. A command that is not answered in time rejects with GUEST_BUSY, and may still be carried out: a timeout
 * cancels nothing. When QEMU goes away, everything waiting rejects with GUEST_GONE.
 */
export class Qmp {
  readonly version: QemuVersion;
  /** Rings at each event; `gone` once, when the connection has ended. */
  readonly events = new EventEmitter<{ event: [QmpEvent]; gone: [] }>();
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #gone = false;

  private constructor(socket: Socket, version: QemuVersion, timeoutMs: number) {
    this.#socket = socket;
    this.version = version;
    this.#timeoutMs = timeoutMs;
  }

  /** Rejects with the system's ENOENT or ECONNREFUSED when nobody listens there, GUEST_BUSY when nobody greets. */
  static async connect(path: string, { timeoutMs = 30_000 }: QmpOptions = {}): Promise<Qmp> {
    const socket = connect(path);
    const lines = createInterface({ input: socket });
    // Errors reach the waiting calls: by the greeting's own listener, later by the connection's end.
    lines.on("error", () => undefined);
    socket.on("error", () => undefined);
    const greeting = await greeted(socket, lines, timeoutMs);
    if (!greeting.QMP) {
      socket.destroy();
      throw notQemu(path);
    }
    const qmp = new Qmp(socket, greeting.QMP.version.qemu, timeoutMs);
    lines.on("line", (line) => qmp.#heard(line));
    socket.on("close", () => qmp.#ended());
    try {
      await qmp.execute("qmp_capabilities", {});
      return qmp;
    } catch (error) {
      qmp.close();
      throw error;
    }
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Rejects with QmpError when QEMU refuses; GUEST_GONE, GUEST_BUSY. */
  async execute<Name extends keyof QmpCommands>(
    name: Name,
    args: QmpCommands[Name]["arguments"] = {},
  ): Promise<QmpCommands[Name]["result"]> {
    if (this.#gone) throw guestGone(name);
    const id = ++this.#lastId;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(notAnswered(name, this.#timeoutMs)), this.#timeoutMs);
        this.#waiting.set(id, {
          resolve,
          reject: (error) => reject(isFailure(error) ? new QmpError(name, error) : guestGone(name)),
        });
        this.#socket.write(`${JSON.stringify({ execute: name, arguments: args, id })}\r\n`);
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /**
   * Looks until `look` gives something: at once, after each event, and every few milliseconds besides. No limit of time: what
   * QEMU works on may take long. Rejects with GUEST_GONE, and with what `look` rejects with.
   */
  async until<T>(look: () => Promise<T | undefined>): Promise<T> {
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      await this.#nextEvent(5);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  async #nextEvent(atMostMs: number): Promise<void> {
    const waiting = new AbortController();
    const wake = () => waiting.abort();
    this.events.once("event", wake);
    await sleep(atMostMs, undefined, { signal: waiting.signal }).catch(() => undefined);
    this.events.off("event", wake);
  }

  #heard(line: string): void {
    const answer = parsed(line);
    if (answer?.event !== undefined) this.events.emit("event", answer as QmpEvent);
    const waiting = answer?.id === undefined ? undefined : this.#waiting.get(answer.id);
    if (answer?.error) waiting?.reject(answer.error);
    else waiting?.resolve(answer?.return);
  }

  #ended(): void {
    this.#gone = true;
    for (const { reject } of this.#waiting.values()) reject(undefined);
    this.events.emit("gone");
    this.events.emit("event", { event: "gone" });
  }
}

async function greeted(socket: Socket, lines: ReturnType<typeof createInterface>, timeoutMs: number): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Answer>((resolve, reject) => {
      timer = setTimeout(() => reject(notAnswered("the greeting", timeoutMs)), timeoutMs);
      socket.once("error", reject);
      socket.once("close", () => reject(guestGone("the greeting")));
      // An event, or an answer that was meant for the client before, may still come first.
      lines.on("line", (line) => {
        const answer = parsed(line);
        if (!answer || answer.QMP) resolve(answer ?? {});
      });
    });
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    lines.removeAllListeners("line");
  }
}

function parsed(line: string): Answer | undefined {
  try {
    return JSON.parse(line) as Answer;
  } catch {
    return undefined;
  }
}

function isFailure(error: unknown): error is QmpFailure {
  return typeof error === "object" && error !== null && "desc" in error;
}

function notQemu(path: string): SnapledgerError {
  return new SnapledgerError("DRIVER_FAILED", `What answers at "${path}" is not QEMU.`, { facts: { path } });
}

function notAnswered(what: string, timeoutMs: number): SnapledgerError {
  const message = `QEMU has not answered ${what} within ${timeoutMs / 1000} seconds; it may still do so.`;
  return new SnapledgerError("GUEST_BUSY", message, {
    facts: { command: what, timeoutMs },
    hint: "Another program may hold the guest's control socket, or the machine is busy. Try again; nothing was undone.",
  });
}

function guestGone(what: string): SnapledgerError {
  return new SnapledgerError("GUEST_GONE", `QEMU ended before it answered ${what}.`, {
    facts: { command: what },
    hint: "Its own words are in qemu.log, in the guest's folder under the store's run folder.",
  });
}
