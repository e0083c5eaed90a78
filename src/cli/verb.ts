import type { Command } from "../events/command.ts";
import type { Caller, Connection, Outcome, Request } from "../connection/api.ts";
import type { SessionOptions } from "../connection/connection.ts";
import type { Input } from "./input/input.ts";
import type { Output } from "./output/output.ts";
import type { Interrupt } from "./input/interrupt.ts";
import type { SessionCache } from "../queries/cache/session-cache.ts";

/** One verb: what it takes, what its help says, what it does. */
export interface Verb {
  /** One or two sentences for the help. */
  readonly about: string;
  /** `["<domain>", "its name or uuid"]`; `[x]` is optional, `[x...]` takes all that is left. */
  readonly arguments?: readonly (readonly [name: string, what: string])[];
  /** `["--from <name>", "…"]`. Values are never optional: that would swallow the next argument. */
  readonly options?: readonly (readonly [flags: string, what: string, repeat?: "repeat"])[];
  /** true: it can change something, so it takes --plan. */
  readonly changes?: boolean;
  /** Only for verbs that explain what to use instead: whatever follows them is not looked at. */
  readonly anything?: boolean;
  /** Lines of the help's EXIT STATUS beside 0, 2, 5, 6 and 130, which are the same for all. */
  readonly exits: readonly (readonly [status: number, when: string])[];
  readonly examples: readonly [string, string];
  run(cli: Cli): Promise<void>;
}

/** What a verb works with. */
export interface Cli {
  readonly input: Input;
  readonly output: Output;
  /** The store's absolute folder; nothing says that it exists. */
  readonly store: string;
  readonly json: boolean;
  /** Milliseconds since 1970: one instant for the whole run. */
  readonly now: number;
  /** For the verb that runs others. */
  readonly context: RunContext;
  /** The exit status of a verb that shows no error of its own. Default 0. */
  status: number;
  /** Opened at the first call. STORE_NOT_FOUND, STORE_UNSAFE, STORE_FORMAT, LOG_DAMAGED. */
  connection(): Promise<Connection>;
  /** What the connection is opened with, for what is done to a store as a whole. */
  options(): SessionOptions;
  caller(): Caller;
  /** Runs a command with the caller and the options that go with every command; warnings are printed already. */
  execute(command: Command): Promise<Outcome>;
  /** Anything else that changes the store: with the same options, and Ctrl-C only asks it to stop. */
  changing<T>(work: (connection: Connection, request: Request) => Promise<T>): Promise<T>;
  /** The same for `recover` of every domain. */
  recoverAll(): Promise<readonly Outcome[]>;
  /** Runs work that goes on until Ctrl-C, which aborts the signal and is no failure. */
  untilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void>;
  warn(warning: { readonly code: string; readonly message: string; readonly hint?: string }): void;
  /** A bar on a terminal, JSON lines with --json; ends by itself. */
  progress(step: string, done: number, total: number): void;
}

/** What a command line finds around it: the process's own, or a shell's. */
export interface RunContext {
  readonly program: Program;
  readonly output: Output;
  readonly interrupt: Interrupt;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Show where an error comes from. */
  readonly debug: boolean;
  /** Options that go with every command unless it says otherwise, as words: `["--store", "/srv/store"]`. */
  readonly defaults?: readonly (readonly string[])[];
  /** What a shell knows of a store from the command before. */
  readonly session?: (store: string) => SessionCache;
}

/** A verb before it is loaded. */
export interface Entry {
  readonly group: string;
  /** For the list of verbs in `snapledger --help`. */
  readonly summary: string;
  /** Only the verb that was typed is loaded. */
  readonly load: () => Promise<{ readonly verb: Verb }>;
}

/** All verbs, and how a command line is run: for the verb that runs others. */
export interface Program {
  readonly verbs: ReadonlyMap<string, Entry>;
  run(args: readonly string[], context: RunContext): Promise<number>;
}
