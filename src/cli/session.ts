import type { Command } from "../events/command.ts";
import type { Connection, Outcome, Request } from "../face.ts";
import { SnapledgerError } from "../errors.ts";
import { processCaller } from "./caller.ts";
import type { Input } from "./input.ts";
import type { Interrupt } from "./interrupt.ts";
import type { Output } from "./output.ts";
import { progressOn } from "./progress.ts";
import type { ShownProgress } from "./progress.ts";
import { storeFolder } from "./store.ts";
import type { Cli } from "./verb.ts";

/** One run of one verb: its input, its store, and the one connection to it. */
export class Session implements Cli {
  readonly input: Input;
  readonly output: Output;
  readonly store: string;
  readonly json: boolean;
  readonly #progress: ShownProgress;
  readonly #interrupt: Interrupt;
  #connection: Promise<Connection> | undefined;

  constructor(input: Input, output: Output, interrupt: Interrupt) {
    this.input = input;
    this.output = output;
    this.store = storeFolder(input.value("store"), process.env);
    this.json = input.has("json");
    this.#progress = progressOn(output, process.stderr, this.json);
    this.#interrupt = interrupt;
  }

  async connection(): Promise<Connection> {
    this.#connection ??= import("../connection.ts").then(({ connect }) =>
      connect({ store: this.store, waitMs: waitMs(this.input) }),
    );
    return this.#connection;
  }

  async execute(command: Command): Promise<Outcome> {
    const [outcome] = await this.#run(async (connection, request): Promise<[Outcome]> => [
      await connection.execute(command, processCaller(process.env), request),
    ]);
    return outcome;
  }

  async recoverAll(): Promise<readonly Outcome[]> {
    return this.#run((connection, request) => connection.recover(processCaller(process.env), request));
  }

  async #run<Outcomes extends readonly Outcome[]>(
    work: (connection: Connection, request: Request) => Promise<Outcomes>,
  ): Promise<Outcomes> {
    const request = this.#request();
    const connection = await this.connection();
    const working = work(connection, request).finally(() => this.#progress.end());
    const outcomes = await this.#interrupt.during(working);
    for (const warning of outcomes.flatMap(({ warnings }) => warnings)) this.warn(warning);
    return outcomes;
  }

  progress(step: string, done: number, total: number): void {
    this.#progress.show(step, done, total);
  }

  warn({ code, message, hint }: { readonly code: string; readonly message: string; readonly hint?: string }): void {
    if (this.json) {
      this.output.asideJson({ warning: { code, message, hint: hint ?? null } });
      return;
    }
    this.output.aside(`warning [${code}] ${message}`);
    if (hint !== undefined) this.output.aside(`hint: ${hint}`);
  }

  async close(): Promise<void> {
    this.#progress.end();
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close();
  }

  #request(): Request {
    const expectRevision = this.input.integer("expect-revision", 0);
    return {
      reason: this.input.value("reason") ?? null,
      ticket: this.input.value("ticket") ?? null,
      commandId: this.input.value("command-id") ?? null,
      ...(expectRevision === undefined ? {} : { expectRevision }),
      plan: this.input.has("plan"),
      onProgress: ({ step, path, done, total }) => this.#progress.show(step, done, total, path),
      signal: this.#interrupt.signal,
    };
  }
}

/** `--wait SECONDS`; a part of a second is allowed. */
function waitMs(input: Input): number {
  const text = input.value("wait") ?? "5";
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds <= 86_400) return Math.round(seconds * 1000);
  throw new SnapledgerError("USAGE", `--wait takes seconds, not "${text}".`, { hint: "Such as --wait 30." });
}
