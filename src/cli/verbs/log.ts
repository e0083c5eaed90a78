import type { StoredRecord } from "../../events/log.ts";
import type { EventRecord, ReadRange } from "../../connection/api.ts";
import { Operations } from "../../projections/history/operations.ts";
import type { OperationRecords } from "../../projections/history/operations.ts";
import { passesFilter } from "../../projections/history/log-filter.ts";
import { History } from "../output/history.ts";
import { filterFrom, logOptions, rangeFrom } from "../input/log-options.ts";
import type { Cli, Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Print the log, or one domain's part of it: a line for each operation with its positions, who did what, why, and " +
    "what it destroyed. With --follow an operation that goes on has a line when it begins, too. Filters must all hold. " +
    "With --json one stored record per line, exactly its bytes; on a terminal alone, what that would act on is escaped.",
  arguments: [["[domain]", "its name or uuid, also of one that is gone"]],
  options: logOptions,
  exits: [[4, "no such domain or store, or a time before the log"]],
  examples: [
    "snapledger log web --since '2026-11-25 14:00' --actor mallory",
    "snapledger log --json | head -n 1 | head -c -83 | sha256sum",
  ],
  async run(cli) {
    cli.input.oneOf(["follow", "reverse"]);
    cli.input.oneOf(["follow", "to"]);
    cli.input.oneOf(["follow", "until"]);
    const range = await rangeFrom(cli);
    const printer = new Printer(cli, await (await cli.connection()).names());
    // Taken before reading: what is appended meanwhile is read when it is followed.
    const { position } = await (await cli.connection()).head();
    await printer.print({ to: position + 1, ...range });
    if (cli.input.has("follow")) await cli.untilInterrupted((signal) => follow(cli, printer, range, position, signal));
    else await printer.end();
  },
};

async function follow(cli: Cli, printer: Printer, { domain }: ReadRange, position: number, signal: AbortSignal) {
  const connection = await cli.connection();
  await printer.decided();
  let next = position + 1;
  for await (const grown of connection.watch(position, signal)) {
    const names = await connection.names();
    await printer.print({ from: next, to: grown + 1, ...(domain === undefined ? {} : { domain }) }, names);
    await printer.decided();
    next = grown + 1;
    if (printer.done) return;
  }
}

/** Prints what passes the filter: stored lines, records, or operations with at least one such record. */
class Printer {
  readonly #cli: Cli;
  readonly #filter;
  readonly #operations = new Operations();
  readonly #passing = new Set<number>();
  readonly #reverse: boolean;
  #history: History;
  #left: number;

  constructor(cli: Cli, names: ConstructorParameters<typeof History>[0]) {
    this.#cli = cli;
    this.#filter = filterFrom(cli.input);
    this.#reverse = cli.input.has("reverse");
    this.#history = new History(names);
    this.#left = cli.input.integer("limit", 1) ?? Infinity;
  }

  get done(): boolean {
    return this.#left <= 0 || this.#cli.output.gone;
  }

  async print(range: ReadRange, names?: ConstructorParameters<typeof History>[0]): Promise<void> {
    if (names) this.#history = new History(names);
    for await (const stored of (await this.#cli.connection()).read(range)) {
      await this.#take(stored);
      if (this.done) return;
    }
  }

  /** For a watcher: what has been decided by now, and what has begun and goes on. */
  async decided(): Promise<void> {
    await this.#sayAll(this.#operations.decided());
    for (const record of this.#operations.begun()) {
      if (this.done || !this.#passing.has(record.position)) continue;
      await this.#say(() => this.#cli.output.line(this.#history.line(record)));
    }
  }

  async end(): Promise<void> {
    await this.#sayAll(this.#operations.end());
  }

  async #take(stored: StoredRecord): Promise<void> {
    const { record, line } = stored;
    const passes = passesFilter(stored, this.#filter, this.#history.nameOf(record));
    const { json, input, output } = this.#cli;
    if (json || input.has("records")) {
      if (passes) await this.#say(() => (json ? output.stored(line) : output.line(this.#history.line(record))));
      return;
    }
    if (passes) this.#passing.add(record.position);
    await this.#sayAll(this.#operations.push(record));
  }

  async #sayAll(operations: readonly OperationRecords[]): Promise<void> {
    for (const records of operations) {
      const passes = records.filter(({ position }) => this.#passing.delete(position)).length > 0;
      if (!passes || this.done) continue;
      await this.#say(() => this.#cli.output.line(this.#history.operationLine(this.#inOrder(records))));
    }
  }

  #inOrder(records: OperationRecords): readonly EventRecord[] {
    return this.#reverse ? records.toReversed() : records;
  }

  async #say(write: () => void): Promise<void> {
    write();
    this.#left--;
    await this.#cli.output.drained();
  }
}
