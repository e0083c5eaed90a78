import { readFileSync } from "node:fs";
import { isSnapledgerError } from "../../src/errors.ts";
import { Chain } from "../../src/events/chain.ts";
import { sha256 } from "../../src/events/hash.ts";
import { provenAt } from "../../src/events/level/read.ts";
import { trailerLength } from "../../src/events/seal.ts";
import type { Random } from "../support/random.ts";
import { claim, claimUnpolluted, refusalOr } from "./campaign.ts";
import type { Campaign } from "./campaign.ts";

/** Lines of a real log, changed as a disk or a person would, and lines of a version that does not exist yet. */
export const records: Campaign = { name: "records", soak: 1_000_000, check: checkRecord };

const golden = new URL("../golden/format-1/log.ndjson", import.meta.url);
const lines = readFileSync(golden, "utf8").trimEnd().split("\n");
/** The log as far as it is proven before each line. */
const before = lines.map((_, at) => {
  const chain = new Chain(sha256);
  for (const [n, line] of lines.slice(0, at).entries()) chain.prove(provenAt(n + 1, line));
  return chain;
});

function checkRecord(drawn: Random): string {
  const at = drawn.below(lines.length);
  const line = lines[at] ?? "";
  return drawn.chance(25) ? checkNewer(line, drawn) : checkChanged(at, changed(line, drawn));
}

/** Nothing but the very bytes passes, and what does not is damage: never another version, never a fault. */
function checkChanged(at: number, line: string): string {
  const read = refusalOr(() => provenAt(at + 1, line), ["LOG_DAMAGED"]);
  claimUnpolluted();
  if (isSnapledgerError(read)) return "damaged";
  const why = before[at]?.check(read.value);
  claim((why === null) === (line === lines[at]), () => `at position ${at + 1}: ${why ?? "proven"}: ${line}`);
  return why === null ? "unchanged" : "not the next one";
}

function changed(line: string, drawn: Random): string {
  const bytes = Buffer.from(line);
  switch (drawn.below(7)) {
    case 0:
      return lines[drawn.below(lines.length)] ?? "";
    case 1:
      return line.slice(0, drawn.below(line.length + 1));
    case 2:
      return line + drawn.one([" ", "\n", "\0", "}", line]);
    case 3: {
      const [from, to] = [drawn.below(bytes.length), drawn.below(bytes.length)];
      return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]).toString();
    }
    case 4:
      return JSON.stringify(mutated(JSON.parse(line) as unknown, drawn));
    default:
      for (let n = 1 + drawn.below(3); n > 0; n--) {
        const place = drawn.below(bytes.length);
        bytes[place] = drawn.chance(50) ? (bytes[place] ?? 0) ^ (1 << drawn.below(8)) : drawn.below(256);
      }
      return bytes.toString();
  }
}

const values: readonly unknown[] = [null, 0, -1, 1e308, "", "__proto__", [], {}, true, "x".repeat(5000)];

/** The same value with something of it replaced, gone, or added. */
function mutated(value: unknown, drawn: Random): unknown {
  if (typeof value !== "object" || value === null || drawn.chance(15)) return drawn.one(values);
  const entries = Object.entries(value);
  const chosen = drawn.below(entries.length + 1);
  if (drawn.chance(20)) entries.splice(chosen, 1);
  else if (drawn.chance(20)) entries.push([drawn.one(["__proto__", "constructor", "x"]), drawn.one(values)]);
  else entries.splice(chosen, 1, ...entries.slice(chosen, chosen + 1).map(([key, inner]): [string, unknown] => [key, mutated(inner, drawn)])); // prettier-ignore
  return Array.isArray(value) ? entries.map(([, inner]): unknown => inner) : Object.fromEntries(entries);
}

/** A whole line, rightly sealed, of a type, a schema or a format that is not known: said so, by its position. */
function checkNewer(line: string, drawn: Random): string {
  const record = JSON.parse(line) as Record<string, unknown> & { data: Record<string, unknown> };
  const kind = drawn.below(record["type"] === "LogCreated" ? 3 : 2);
  if (kind === 0)
    record["type"] = drawn.one(["__proto__", "constructor", "toString", "DomainCloned", "", "domainDefined"]);
  else if (kind === 1) record["schema"] = 2 + drawn.below(1000);
  else record.data["format"] = drawn.one([0, 2, 3, "1", null]);
  const text = JSON.stringify({ ...record, hash: undefined }).slice(0, -1);
  const sealed = `${text},"hash":"sha256:${sha256(text)}"}`;
  claim(sealed.length - text.length === trailerLength, () => "not sealed as a record is");
  const read = refusalOr(() => provenAt(Number(record["position"]), sealed), ["STORE_FORMAT"]);
  claim(isSnapledgerError(read), () => `taken: ${sealed}`);
  if (isSnapledgerError(read)) claim(read.facts["position"] === record["position"], () => read.message);
  return "newer";
}
