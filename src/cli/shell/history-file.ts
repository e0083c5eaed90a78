import { appendFileSync, chmodSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { makeFolders } from "../../system/folders.ts";
import { replaceFileBlocking } from "../../system/write.ts";
import { escapeLine } from "../output/escape.ts";
import { stateFolder } from "../input/store.ts";

/** So many lines are kept; a shell that starts drops what is older. */
export const mostLines = 1000;
/** A line that is longer is not kept. */
const longest = 4096;

/**
 * The lines typed before, in the XDG state folder's `snapledger/shell-history` (0600). Each is added by itself as it is
 * typed, so that shells side by side do not lose each other's. Best effort: without it the shell works all the same.
 */
export class HistoryFile {
  readonly #path: string | undefined;
  /** The newest first, as node:readline wants them. */
  readonly lines: string[] = [];

  constructor(environment: NodeJS.ProcessEnv) {
    const state = stateFolder(environment);
    this.#path = state && join(state, "shell-history");
    this.#read();
  }

  /** Not kept: one with a space before it, the same as the one before, and what no line may hold. */
  add(line: string): void {
    if (line.startsWith(" ") || !isKept(line) || line === this.lines[0]) return;
    this.lines.unshift(line);
    this.lines.length = Math.min(this.lines.length, mostLines);
    if (this.#path === undefined) return;
    try {
      makeFolders(dirname(this.#path));
      appendFileSync(this.#path, `${line}\n`, { mode: 0o600 });
    } catch {
      return;
    }
  }

  #read(): void {
    if (this.#path === undefined) return;
    try {
      const all = readFileSync(this.#path, "utf8").split("\n").filter(isKept);
      this.lines.push(...all.slice(-mostLines).reverse());
      chmodSync(this.#path, 0o600);
      if (all.length > mostLines) replaceFileBlocking(this.#path, `${all.slice(-mostLines).join("\n")}\n`);
    } catch {
      return;
    }
  }
}

/** Nothing that a terminal would act on: another program may have written the file. */
function isKept(line: string): boolean {
  const plain = line.replaceAll("\t", " ");
  return plain.trim() !== "" && line.length <= longest && escapeLine(plain) === plain;
}
