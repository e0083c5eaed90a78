import { randomInt } from "node:crypto";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { SnapledgerError } from "../../errors.ts";
import { sockets } from "./folder.ts";
import type { GuestFolder } from "./folder.ts";

/**
 * qemu-guest-agent inside the guest, through the channel that QEMU gives it. One line of JSON per request and per
 * answer. Nothing tells whether an agent listens but its answer, so all requests have a limit of time; and the line
 * may still hold what was meant for somebody before, so every talk begins with guest-sync-delimited (QEMU's
 * qga/qapi-schema.json): whatever comes before the byte 0xff, or after it with another id, is thrown away.
 */

export interface AgentLimits {
  /** For an agent to show that it is there. */
  readonly answersWithinMs: number;
  /** For it to freeze all file systems: it writes out what is dirty. */
  readonly freezesWithinMs: number;
}

type Request = keyof typeof hints;

const without = "Or leave --quiesce out: all disks are then of one instant, as after a power cut.";
const hints = {
  "guest-sync-delimited": `Is qemu-guest-agent running in the guest? ${without}`,
  "guest-fsfreeze-freeze": `Look at what the agent complains of in the guest. ${without}`,
  "guest-fsfreeze-thaw":
    "The snapshot is made, but the guest may stand with its file systems frozen. Thaw them in the guest by " +
    "'fsfreeze --unfreeze', or restart its agent.",
} as const;

const defaultLimits: AgentLimits = { answersWithinMs: 5_000, freezesWithinMs: 60_000 };

/**
 * Runs `work` with the guest's file systems frozen; then they are thawed, or were at least asked to be. Rejects with
 * DRIVER_FAILED when the agent does not answer or refuses; then `work` has not run.
 */
export async function withFrozenFileSystems<T>(
  folder: GuestFolder,
  work: () => Promise<T>,
  limits: AgentLimits = defaultLimits,
): Promise<T> {
  return withAgent(folder, limits, async (agent) => {
    try {
      await agent.ask("guest-fsfreeze-freeze", limits.freezesWithinMs);
      return await work();
    } finally {
      // The caller asks for it once more, and that call fails if it is not done.
      await agent.ask("guest-fsfreeze-thaw", limits.freezesWithinMs).catch(() => undefined);
    }
  });
}

/** Nothing when nothing is frozen. DRIVER_FAILED when the agent does not answer or refuses. */
export async function thawFileSystems(folder: GuestFolder, limits: AgentLimits = defaultLimits): Promise<void> {
  await withAgent(folder, limits, (agent) => agent.ask("guest-fsfreeze-thaw", limits.freezesWithinMs));
}

async function withAgent<T>(
  folder: GuestFolder,
  { answersWithinMs }: AgentLimits,
  work: (agent: Agent) => Promise<T>,
): Promise<T> {
  const agent = await folder.withSocket(sockets.agent, (path) => Agent.connect(path, answersWithinMs));
  try {
    return await work(agent);
  } finally {
    agent.close();
  }
}

interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

class Agent {
  readonly #socket: Socket;
  #heard = Buffer.alloc(0);
  #wake: () => void = () => undefined;
  #ended = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#heard = Buffer.concat([this.#heard, bytes]);
      this.#wake();
    });
    socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on("error", () => undefined);
  }

  static async connect(path: string, withinMs: number): Promise<Agent> {
    const agent = new Agent(connect(path));
    try {
      await agent.#sync(withinMs);
      return agent;
    } catch (error) {
      agent.close();
      throw error;
    }
  }

  /** Its answer. DRIVER_FAILED when it refuses, in its own words, or none comes in time. */
  async ask(request: Request, withinMs: number): Promise<unknown> {
    this.#socket.write(`${JSON.stringify({ execute: request })}\n`);
    const { error, return: result } = parsed(await this.#line(request, withinMs));
    if (error) throw refusedBy(request, error.desc);
    return result;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** The byte in front makes the agent drop a half request that somebody left behind. */
  async #sync(withinMs: number): Promise<void> {
    const id = randomInt(2 ** 31);
    const request = "guest-sync-delimited";
    const arguments_ = { id };
    this.#socket.write(Buffer.from([delimiter]));
    this.#socket.write(`${JSON.stringify({ execute: request, arguments: arguments_ })}\n`);
    const deadline = performance.now() + withinMs;
    for (;;) {
      const line = await this.#line(request, deadline - performance.now());
      const start = line.lastIndexOf(delimiter);
      if (start >= 0 && parsed(line.subarray(start + 1)).return === id) return;
    }
  }

  async #line(request: Request, withinMs: number): Promise<Buffer> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const end = this.#heard.indexOf("\n");
      const line = this.#heard.subarray(0, Math.max(end, 0));
      this.#heard = this.#heard.subarray(end + 1);
      if (end >= 0) return line;
      const leftMs = deadline - performance.now();
      if (this.#ended || leftMs <= 0) throw silent(request, withinMs, this.#ended);
      await this.#more(leftMs);
    }
  }

  async #more(atMostMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, atMostMs);
    });
    clearTimeout(timer);
  }
}

const delimiter = 0xff;

function parsed(line: Buffer): Answer {
  try {
    return JSON.parse(line.toString("utf8")) as Answer;
  } catch {
    return {};
  }
}

function silent(request: Request, withinMs: number, ended: boolean): SnapledgerError {
  const message = ended
    ? `The guest's agent could not be asked for ${request}: its channel was closed.`
    : `The guest's agent has not answered ${request} within ${Math.round(withinMs / 1000)} seconds.`;
  return new SnapledgerError("DRIVER_FAILED", message, { facts: { request, ended }, hint: hints[request] });
}

function refusedBy(request: Request, words: string): SnapledgerError {
  const message = `The guest's agent refused ${request}: ${words}`;
  return new SnapledgerError("DRIVER_FAILED", message, { facts: { request, tool: words }, hint: hints[request] });
}
