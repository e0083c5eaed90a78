import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { deserialize } from "node:v8";
import { Random } from "../support/random.ts";
import { harmed } from "./harm.ts";
import { oracle, Silent, type Verdict } from "./oracle.ts";
import { readableLines, salvaged } from "./readable.ts";
import { lay, type Files, type Template } from "./template.ts";

/**
 * Harms stores by the seeds that its parent sends, and says what came of each: in a process of its own, since what is
 * read wrongly may end the whole process.
 */
export interface Judged {
  readonly seed: number;
  readonly what: string;
  readonly verdict: Verdict | null;
  /** How many records were brought back by salvage; null where it was not tried, or there was nothing to salvage. */
  readonly salvaged: number | null;
  /** Why it is silent; null when it is not. */
  readonly silent: string | null;
}

const [, , templatesFile = "", folder = ""] = process.argv;
// What V8 gives back of a Buffer is a plain Uint8Array.
const templates = (deserialize(readFileSync(templatesFile)) as readonly Template[]).map((template): Template => ({
  ...template,
  files: asBuffers(template.files),
  earlier: template.earlier.map(asBuffers),
}));

function asBuffers(files: Files): Files {
  return new Map([...files].map(([name, bytes]) => [name, Buffer.from(bytes)]));
}

async function judged(seed: number): Promise<Judged> {
  const drawn = new Random(seed);
  const template = drawn.one(templates);
  const { told, files } = harmed(template, drawn);
  const what = `${template.name}; ${told.join("; ")}`;
  process.send?.({ seed, what });
  const place = join(folder, String(seed));
  lay(files, join(place, "store"));
  try {
    const verdict = await oracle(join(place, "store"), template, join(place, "heads"), drawn.chance(50));
    const brought = verdict === "told" && drawn.chance(25) ? await judgeSalvage(place, files, template) : null;
    return { seed, what, verdict, salvaged: brought, silent: null };
  } catch (error) {
    const { message, cause, stack } = error as Error;
    const silent =
      error instanceof Silent ? [message, ...(cause instanceof Error ? [cause.stack] : [])].join(": ") : stack;
    return { seed, what, verdict: null, salvaged: null, silent: silent ?? "" };
  } finally {
    if (process.env["SNAPLEDGER_DAMAGE_KEEP"] === undefined) rmSync(place, { recursive: true, force: true });
  }
}

/** All that can be read anywhere is brought back, and nothing that was never written. */
async function judgeSalvage(place: string, files: Files, template: Template): Promise<number | null> {
  const { refused, said, store, loose } = await salvaged(join(place, "store"), join(place, "new"));
  if (refused !== null) {
    if (refused !== "STORE_SOUND" && refused !== "STORE_NOT_FOUND")
      throw new Silent(`salvage says ${refused}: ${said}`);
    return null;
  }
  const brought = new Set([...store, ...loose]);
  const lost = [...readableLines(files, template)].filter((line) => !brought.has(line));
  if (lost.length > 0) throw new Silent(`${lost.length} records that can be read are not salvaged: ${lost[0]}`);
  const whole = new Set(template.lines);
  const proven = store.filter((line) => whole.has(line)).length;
  if (store.slice(0, proven).some((line, i) => line !== template.lines[i]))
    throw new Silent("salvaged in another order");
  return proven + loose.length;
}

process.on("message", (seed: number) => void judged(seed).then((done) => process.send?.(done)));
