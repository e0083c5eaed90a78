import { Writable } from "node:stream";
import { EventEmitter } from "eventemitter3";
import { parseArguments, splitVerb } from "../../src/cli/input/arguments.ts";
import { unknownVerb } from "../../src/cli/help.ts";
import { Interrupt } from "../../src/cli/input/interrupt.ts";
import { Output } from "../../src/cli/output/output.ts";
import { reportError } from "../../src/cli/output/report.ts";
import { run } from "../../src/cli/run.ts";
import { Session } from "../../src/cli/session.ts";
import { verbs } from "../../src/cli/verbs.ts";
import { connectionOn } from "../../src/connection/connection.ts";
import { memoryDriver } from "../../src/drivers/memory/index.ts";
import type { Connection } from "../../src/connection/api.ts";
import { exitStatusOf } from "../../src/errors.ts";
import { World } from "./world.ts";
import type { Ran } from "./built-cli.ts";

/** The command line's own code in this process, on a log in RAM and simulated files: hundreds of commands a second. */
export class Inside {
  readonly #driver = memoryDriver();
  /** Where the simulated files and guests are. */
  readonly machine = this.#driver.world;
  readonly world = new World("/ram", this.#driver);
  readonly connection: Connection;
  /** What the clock says to a command line that asks for a time such as -2h. */
  clock = (): number => Date.now();

  /** On what a log holds already, line by line. */
  constructor(lines: readonly string[] = []) {
    this.world.rewind(lines);
    const context = this.world.context();
    this.connection = connectionOn(context, () => Promise.resolve(context), { store: "/ram" }, new EventEmitter());
  }

  async run(...args: readonly string[]): Promise<Ran> {
    const [out, err] = [new Sheet(), new Sheet()];
    const output = Output.to(asTerminal(out), asTerminal(err), (error) => err.write(error.message));
    const status = await this.#status(args, output).catch((error: unknown) =>
      reportError(error, output, { json: args.includes("--json"), debug: false, store: undefined }),
    );
    return { status, stdout: out.text, stderr: err.text };
  }

  /** Throws unless it exits 0; its stdout. */
  async ok(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run(...args);
    if (status !== 0) throw new Error(`snapledger ${args.join(" ")} exits ${status}: ${stderr}`);
    return stdout;
  }

  async #status(args: readonly string[], output: Output): Promise<number> {
    const { verb: typed, rest } = splitVerb(args);
    const entry = verbs.get(typed ?? "");
    if (typed === undefined || entry === undefined) throw unknownVerb(typed ?? "");
    const { verb } = await entry.load();
    const input = parseArguments(typed, verb, rest);
    if ("help" in input) {
      output.document(input.help);
      return 0;
    }
    const session = new SessionOn(this.connection, typed, input, {
      output,
      interrupt: new Interrupt(() => undefined),
      clock: this.clock,
      debug: false,
      program: { verbs, run },
    });
    await verb.run(session);
    return Math.max(session.status, session.damaged ? exitStatusOf.LOG_DAMAGED : 0);
  }
}

class SessionOn extends Session {
  readonly #on: Connection;

  constructor(on: Connection, ...rest: ConstructorParameters<typeof Session>) {
    super(...rest);
    this.#on = on;
  }

  override connection(): Promise<Connection> {
    return Promise.resolve(this.#on);
  }
}

/** A terminal that keeps the text as it was written: bytes would have lost what is no Unicode. */
class Sheet extends Writable {
  text = "";
  readonly isTTY = true;

  constructor() {
    super({ decodeStrings: false });
  }

  override _write(chunk: string | Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

function asTerminal(sheet: Sheet): NodeJS.WriteStream {
  return sheet as unknown as NodeJS.WriteStream;
}
