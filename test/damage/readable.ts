import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "../../src/connection/connection.ts";
import { isSnapledgerError } from "../../src/errors.ts";
import { salvage } from "../../src/connection/maintenance.ts";
import { caller } from "../support/two-domains.ts";
import type { Files, Template } from "./template.ts";

/** The files that hold the history, or say where it ends. */
export function ofLog(files: Files): Files {
  const kept = [...files].filter(([name]) => /^(log|head)/.test(name) && !/\/(LOCK|LOG|LOG\.old)$/.test(name));
  return new Map(kept);
}

/** Lines whose bytes are still there in some file of the database, in one piece or over blocks of a write-ahead log. */
export function readableLines(files: Files, { lines }: Template): Set<string> {
  const databases = [...ofLog(files)].filter(([name]) => name.startsWith("log"));
  const all = databases.flatMap(([, bytes]) => [bytes, withoutBlockHeaders(bytes)]);
  return new Set(lines.filter((line) => all.some((bytes) => bytes.includes(line))));
}

function withoutBlockHeaders(bytes: Buffer): Buffer {
  return Buffer.from(bytes.filter((_, at) => at % 32768 >= 7));
}

export interface Brought {
  /** "nothing was to be salvaged" when it is sound. */
  readonly refused: string | null;
  /** What it said then. */
  readonly said?: string;
  readonly store: readonly string[];
  readonly loose: readonly string[];
}

/** Salvages a store into another folder, and reads what came of it. */
export async function salvaged(store: string, into: string): Promise<Brought> {
  try {
    await salvage({ store, waitMs: 0 }, into, caller);
  } catch (error) {
    if (isSnapledgerError(error) && error.hint !== undefined)
      return { refused: error.code, said: error.message, store: [], loose: [] };
    throw error;
  }
  const connection = await connect({ store: into, hold: true });
  const lines: string[] = [];
  for await (const { line } of connection.read()) lines.push(line);
  await connection.close();
  const path = join(into, "salvaged.ndjson");
  const loose = existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => line !== "")
    : [];
  return { refused: null, store: lines, loose };
}
