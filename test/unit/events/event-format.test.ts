import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { limits } from "../../../src/events/limits.ts";
import { memoryEventLog } from "../../../src/events/memory-log.ts";
import { actor, rejected, stopped } from "../../support/events.ts";
import { freshFolder } from "../../support/folders.ts";

const root = join(import.meta.dirname, "../../..");
const page = readFileSync(join(root, "docs", "event-format.md"), "utf8");
const [one = "", whole = ""] = [...page.matchAll(/```sh\n(.*?)```/gs)].map(([, recipe]) => recipe);
const domain = "0190a000-0000-7000-8000-00000000000a";

/** As `snapledger log --json` prints it, with text that a careless recipe would trip over. */
async function exported(): Promise<string[]> {
  const lines: string[] = [];
  const log = memoryEventLog({ clock: () => 0, newId: () => "id", actor, disk: lines });
  await log.append([{ ...stopped(domain), reason: 'a "hash":"sha256:0" and %s \\n * $HOME `x` — 快照 \ud800' }]);
  await log.append([rejected(domain, { previousHash: "sha256:0", hash: "x", text: "'\"\\\n\u2028🖥" })]);
  await log.append([stopped(domain)]);
  return lines;
}

function run(recipe: string, lines: readonly string[]): { status: number | null; output: string[] } {
  const folder = freshFolder();
  writeFileSync(join(folder, "log.ndjson"), lines.map((line) => `${line}\n`).join(""));
  const { status, stdout } = spawnSync("sh", ["-c", recipe], { cwd: folder, encoding: "utf8" });
  return { status, output: stdout.split("\n") };
}

describe("docs/event-format.md", () => {
  it("shows how to prove one record and its link to the one before it", async () => {
    const { output } = run(one, await exported());
    const digits = output.slice(0, 4).map((line) => /[0-9a-f]{64}/.exec(line)?.[0]);
    expect(digits[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(digits[1]).toBe(digits[0]);
    expect(digits[3]).toBe(digits[2]);
    expect(digits[2]).not.toBe(digits[1]);
  });

  it("shows how to prove the whole log", async () => {
    const lines = await exported();
    const { hash } = JSON.parse(lines.at(-1) ?? "") as { hash: string };
    expect(run(whole, lines)).toEqual({ status: 0, output: [`4 records proven; the log ends with ${hash}`, ""] });
  });

  it("names the first record that was altered, taken out or moved", async () => {
    const [a = "", b = "", c = "", d = ""] = await exported();
    const altered = [a, b, c.replace('"user":"ana"', '"user":"eve"'), d];
    for (const lines of [altered, [a, b, d], [a, b, d, c]])
      expect(run(whole, lines)).toEqual({ status: 1, output: ["position 3 is not proven", ""] });
  });

  it("lists every type", () => {
    const source = readFileSync(join(root, "src", "events", "events.ts"), "utf8");
    const types = [...source.matchAll(/ = Event<\s*"(\w+)"/g)].map(([, type]) => type);
    expect(types.length).toBeGreaterThan(15);
    expect([...page.matchAll(/^\| `([A-Z]\w+)` /gm)].map(([, type]) => type).sort()).toEqual(types.sort());
  });

  it("states the limits", () => {
    const stated: unknown = Object.fromEntries(
      [...page.matchAll(/^\| ([a-z ]+?) +\| (\d+) +\|$/gm)].map(([, name, bytes]) => [name, bytes]),
    );
    expect(stated).toEqual({
      record: `${limits.recordBytes}`,
      description: `${limits.descriptionBytes}`,
      reason: `${limits.reasonBytes}`,
      ticket: `${limits.ticketBytes}`,
      "command id": `${limits.commandIdBytes}`,
    });
  });
});
