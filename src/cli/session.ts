import type { Command } from "../events/command.ts";
import type { Caller, Connection, Damage, Outcome, Request, Unwritable } from "../connection/api.ts";
import type { SessionOptions } from "../connection/connection.ts";
import { withStoreOption, SnapledgerError } from "../errors.ts";
import { processCaller } from "./input/caller.ts";
import type { Input } from "./input/input.ts";
import type { Output } from "./output/output.ts";
import { progressOn } from "./output/progress.ts";
import type { ShownProgress } from "./output/progress.ts";
import type { Cli, RunContext } from "./verb.ts";
import { knownHeadsFolder, storeFolder } from "./input/store.ts";

/** One run of one verb: its input, its store, and the one connection to it. */
export class Session implements Cli {
  readonly input: Input;
  readonly output: Output;
  readonly store: string;
  readonly json: boolean;
  readonly now: number;
  readonly #progress: ShownProgress;
  readonly context: RunContext;
  readonly #verb: string;
  /** Something was shown of a log that is damaged. */
  damaged = false;
  status = 0;
  #connection: Promise<Connection> | undefined;

  constructor(verb: string, input: Input, context: RunContext) {
    this.#verb = verb;
    this.input = input;
    this.context = context;
    this.output = context.output;
    this.store = storeFolder(input.value("store"), process.env);
    this.json = input.has("json");
    this.now = context.clock();
    this.#progress = progressOn(this.output, process.stderr, this.json);
    context.interrupt.onStop(() => {
      this.output.leave();
      void this.close();
    });
  }

  async connection(): Promise<Connection> {
    this.#connection ??= import("../connection/connection.ts").then(({ connect }) =>
      connect({
        ...this.options(),
        onDamage: (damage) => this.#onDamage(damage),
        onUnwritable: (unwritable) => this.#onUnwritable(unwritable),
      }),
    );
    return this.#connection;
  }

  options(): SessionOptions {
    const knownHeads = knownHeadsFolder(process.env);
    const session = this.context.session?.(this.store);
    return {
      ...{ store: this.store, waitMs: waitMs(this.input), verb: this.#verb },
      ...(knownHeads !== undefined && { knownHeads }),
      ...(session && { session }),
    };
  }

  caller(): Caller {
    return processCaller(process.env);
  }

  #onDamage({ error: { message, hint }, proven }: Damage): void {
    this.damaged = true;
    const shown = `What is shown is proven by positions 1 to ${proven}; anything later is not.`;
    this.warn({ code: "LOG_DAMAGED", message: `${message} ${shown}`, ...(hint !== undefined && { hint }) });
  }

  #onUnwritable({ error: { code, message, hint }, copyIn }: Unwritable): void {
    const shown = `What is shown comes from a copy of the log, made in ${copyIn} for this command alone.`;
    this.warn({ code, message: `${message} ${shown}`, ...(hint !== undefined && { hint }) });
  }

  async execute(command: Command): Promise<Outcome> {
    const [outcome] = await this.#run(async (connection, request): Promise<[Outcome]> => [
      await connection.execute(command, this.caller(), request),
    ]);
    return outcome;
  }

  async recoverAll(): Promise<readonly Outcome[]> {
    return this.#run((connection, request) => connection.recover(this.caller(), request));
  }

  async #run<Outcomes extends readonly Outcome[]>(
    work: (connection: Connection, request: Request) => Promise<Outcomes>,
  ): Promise<Outcomes> {
    const outcomes = await this.changing(work);
    for (const warning of outcomes.flatMap(({ warnings }) => warnings)) this.warn(warning);
    return outcomes;
  }

  async changing<T>(work: (connection: Connection, request: Request) => Promise<T>): Promise<T> {
    const request = this.#request();
    const connection = await this.connection();
    if (this.input.has("accept-rollback") && !request.plan) await this.#acceptRollback(connection, request);
    return this.context.interrupt.during(work(connection, request).finally(() => this.#progress.end()));
  }

  async untilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    await this.context.interrupt.during(work(this.context.interrupt.signal));
  }

  progress(step: string, done: number, total: number): void {
    if (this.context.interrupt.stopped) throw new SnapledgerError("INTERRUPTED", "Interrupted.");
    this.#progress.show(step, done, total);
  }

  warn({
    code,
    message,
    hint: told,
  }: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
  }): void {
    const hint = told === undefined ? undefined : withStoreOption(told, this.input.value("store"));
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

  async #acceptRollback(connection: Connection, { reason, ticket }: Request): Promise<void> {
    if (!reason) {
      const hint = "Add --reason TEXT: it is kept in the log, for good.";
      throw new SnapledgerError("USAGE", "--accept-rollback needs a reason.", { hint });
    }
    const head = await connection.acceptRollback(this.caller(), { reason, ticket: ticket ?? null });
    if (head) this.output.aside(`Going on from the old copy; recorded at position ${head.position}`);
    else this.output.aside("The log is not behind: there is no rollback to accept");
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
      signal: this.context.interrupt.signal,
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
