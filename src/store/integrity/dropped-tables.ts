import { readdirSync, readFileSync, statSync } from "node:fs";
import type { OriginalFiles } from "./original-files.ts";
import { damaged } from "../../events/damage.ts";
import type { EventLog } from "../../events/log.ts";
import { sealedLines } from "./raw-lines.ts";

/**
 * A manifest that is older than it should be does not know of later tables, and opening deletes those or writes over
 * them. What was in them must be in the log all the same, as it is when a compaction had put it elsewhere; up to the
 * position that was acknowledged. LOG_DAMAGED at the first record that is not.
 */
export async function proveDropped(log: EventLog, kept: OriginalFiles, acknowledged: number): Promise<void> {
  for (const name of readdirSync(kept.backup).filter((file) => /\.(ldb|sst)$/.test(file))) {
    const path = `${kept.backup}/${name}`;
    if (isThere(path, `${kept.log}/${name}`)) continue;
    for (const { line } of sealedLines(readFileSync(path))) {
      const { position } = JSON.parse(line) as { position: number };
      if (position <= acknowledged && (await lineAt(log, position)) !== line)
        throw damaged(position, `it is in ${name}, which the database does not know of`);
    }
  }
}

/** A compaction in the background may take it away meanwhile. */
function isThere(kept: string, opened: string): boolean {
  if (statSync(kept).ino === statSync(opened, { throwIfNoEntry: false })?.ino) return true;
  try {
    return readFileSync(kept).equals(readFileSync(opened));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function lineAt(log: EventLog, position: number): Promise<string | undefined> {
  for await (const { line } of log.read({ from: position, to: position + 1 })) return line;
  return undefined;
}
