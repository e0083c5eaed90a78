import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../../src/connection/connection.ts";
import { isSnapledgerError } from "../../src/errors.ts";
import { starting } from "../support/commands.ts";
import { caller } from "../support/two-domains.ts";

/** One of two processes on one store: does what its parent asks, at the instant that it is asked for. */
export interface Heat {
  readonly domain: string;
  readonly commandId: string;
  readonly waitMs: number;
  /** Milliseconds since 1970: both start then. */
  readonly at: number;
}

export interface Finish {
  readonly commandId: string;
  /** null when it was refused. */
  readonly position: number | null;
  readonly code: string | null;
  readonly holder: { readonly pid: number } | null;
  /** What is no error of ours. */
  readonly failure: string | null;
}

const [, , store = ""] = process.argv;

async function run({ domain, commandId, waitMs, at }: Heat): Promise<Finish> {
  const connection = await connect({ store, waitMs, verb: "race" });
  await sleep(Math.max(0, at - Date.now()));
  const none = { commandId, position: null, code: null, holder: null, failure: null };
  try {
    const command = starting(domain, "s0-0", { discardChanges: true });
    const { position } = await connection.execute(command, { ...caller, pid: process.pid }, { commandId });
    return { ...none, position };
  } catch (error) {
    if (!isSnapledgerError(error)) return { ...none, failure: String((error as Error).stack) };
    return { ...none, code: error.code, holder: (error.facts["holder"] as Finish["holder"] | undefined) ?? null };
  } finally {
    await connection.close();
  }
}

process.on("message", (heat: Heat) => void run(heat).then((finish) => process.send?.(finish)));
process.send?.("ready");
