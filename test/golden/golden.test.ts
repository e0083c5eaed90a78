import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { openLevelEventLog } from "../../src/events/level/level-log.ts";
import { memoryEventLog } from "../../src/events/memory-log.ts";
import { parseRecord } from "../../src/events/seal.ts";
import { verifyLog } from "../../src/events/verify.ts";
import { Terminal } from "../support/built-cli.ts";
import { freshFolder } from "../support/folders.ts";
import { goldenFolder, plain, printedOf, recorded, statesOf, transcript } from "./golden.ts";

/** Stores that earlier versions recorded: they prove, fold, print and open as they did then. */

const recordings = readdirSync(import.meta.dirname).filter((name) => name.startsWith("format-"));
const options = { clock: () => 0, newId: () => "never" };

beforeAll(() => {
  process.env["TZ"] = "UTC";
});

describe.each(recordings)("the recorded store %s", (name) => {
  const read = (file: string) => readFileSync(join(goldenFolder(name), file), "utf8");
  const lines = read(recorded.log).trimEnd().split("\n");

  /** A copy, since LevelDB writes when it opens. */
  const unpacked = (): string => {
    const folder = freshFolder();
    execFileSync("tar", ["-xzf", join(goldenFolder(name), recorded.store), "--no-same-owner", "-C", folder]);
    return folder;
  };

  it("proves every record", async () => {
    const verdict = await verifyLog(memoryEventLog({ ...options, disk: [...lines] }));
    expect(verdict).toMatchObject({ ok: true, valid: lines.length, firstBad: null });
  });

  it("folds to the recorded states", () => {
    expect(plain(statesOf(lines))).toMatchObject(JSON.parse(read(recorded.states)) as object);
  });

  it("prints the log, the trees and the XML as it did", () => {
    expect(transcript(printedOf(lines))).toBe(read(recorded.printed));
  });

  it("holds the recorded lines in its database, with their indexes", async () => {
    const log = await openLevelEventLog(join(unpacked(), "log"), { ...options, readOnly: true });
    const stored: string[] = [];
    for await (const { line } of log.read()) stored.push(line);
    const verdict = await verifyLog(log);
    await log.close();
    expect(stored).toEqual(lines);
    expect(verdict).toMatchObject({ ok: true, valid: lines.length });
  });

  it("is read by the command line, which says the same", { timeout: 180_000 }, async () => {
    const terminal = new Terminal(freshFolder(), { SNAPLEDGER_STORE: unpacked() });
    expect(await terminal.ok("log", "--json")).toBe(read(recorded.log));
    // Each is a process of its own: of the many documents some are enough.
    const asked = [...printedOf(lines)].filter(([ask], i) => !ask.startsWith("snapshot-dumpxml") || i % 5 < 2);
    for (const [ask, answer] of asked) expect(await terminal.ok(...ask.split(" ")), ask).toBe(answer);
    expect((await terminal.run("verify")).status).toBe(0);
  });
});

describe("the recorded stores", () => {
  it("hold every type of event", () => {
    const source = readFileSync(join(import.meta.dirname, "..", "..", "src", "events", "events.ts"), "utf8");
    const types = [...source.matchAll(/ = Event<\s*"(\w+)"/g)].map(([, type]) => type);
    const held = recordings.flatMap((name) =>
      readFileSync(join(goldenFolder(name), recorded.log), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => parseRecord(line).type),
    );
    expect([...new Set(held)].sort()).toEqual(types.sort());
  });
});
