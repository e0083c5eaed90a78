import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "../../src/connection/connection.ts";
import type { FileDifference } from "../../src/commands/facts/verify-files.ts";
import type { Connection, FilesVerdict, Verdict } from "../../src/connection/api.ts";
import type { EventRecord } from "../../src/events/events.ts";
import { parseRecord } from "../../src/events/seal.ts";
import { Terminal } from "../support/built-cli.ts";
import { digest } from "../support/images.ts";
import { base, claimPlace, head, imageOf, killedFolder, recorded, releasePlace, unpack } from "./killed.ts";
import type { Expected } from "./killed.ts";

/** An earlier version was killed half-way through these stores' last commands: this one recovers them. */

beforeAll(claimPlace);
afterAll(releasePlace);

test.each(readdirSync(killedFolder))("the store killed at %s is recovered, every byte", async (name) => {
  const read = (file: string) => readFileSync(join(killedFolder, name, file), "utf8");
  const expected = JSON.parse(read(recorded.expected)) as Expected;
  const terminal = new Terminal(unpack(name));

  expect(await terminal.ok("recover")).not.toContain("pending");

  const after = await seen(terminal.home);
  expect(after.snapshots).toEqual(expected.snapshots);
  expect(after.content).toEqual(expected.content);
  expect(after.foldsPending).toBe(0);
  expect(layersIn(terminal.home)).toEqual(after.layers);
  expect(after.log.slice(0, read(recorded.log).length)).toBe(read(recorded.log));
  expect(ended(after.log, read(recorded.log))).toBe(expected.ended);
  const verdict = JSON.parse((await terminal.run("--json", "verify", "--files")).stdout) as Verified;
  expect(verdict).toMatchObject({ ok: true, files: { unknown: [] } });
  expect(verdict.files.differences.filter((one) => !isUnpackedHead(one, after))).toEqual([]);

  expect(await terminal.ok("recover")).not.toContain(": recovered");
  expect(await inStore(terminal.home, logOf)).toBe(after.log);
});

interface Verified extends Verdict {
  readonly files: FilesVerdict;
}

/** A head that was written to is told by its inode, which unpacking changes. Its content was read. */
function isUnpackedHead({ path, kind }: FileDifference, { headFile }: Seen): boolean {
  return path === headFile && kind === "replaced";
}

interface Seen extends Pick<Expected, "snapshots" | "content"> {
  readonly foldsPending: number;
  readonly headFile: string | undefined;
  /** Of the head and of the snapshots. */
  readonly layers: readonly string[];
  readonly log: string;
}

async function inStore<T>(home: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await connect({ store: join(home, "store"), hold: true });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

async function logOf(connection: Connection): Promise<string> {
  let log = "";
  for await (const { line } of connection.read()) log += `${line}\n`;
  return log;
}

function seen(home: string): Promise<Seen> {
  return inStore(home, async (connection) => {
    const log = await logOf(connection);
    const content = { [base]: await digest(imageOf(home), "qcow2") };
    const [domain] = await connection.domains();
    if (!domain) return { snapshots: null, content, foldsPending: 0, headFile: undefined, layers: [], log };
    const files = await filesOf(connection);
    for (const [name, path] of files) content[name] = await digest(path, "qcow2");
    return {
      snapshots: [...files.keys()].filter((name) => name !== head).sort(),
      ...{
        content,
        foldsPending: domain.foldsPending,
        headFile: files.get(head),
        layers: [...files.values()].sort(),
        log,
      },
    };
  });
}

async function filesOf(connection: Connection): Promise<Map<string, string>> {
  const { disks } = await connection.domain("web");
  const files = new Map([[head, disks[0]?.head.path ?? ""]]);
  for (const { name, layers } of await connection.snapshots("web")) files.set(name, layers["vda"] ?? "");
  return files;
}

function layersIn(home: string): string[] {
  const layers = join(home, "store", "layers");
  return readdirSync(layers, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
}

/** By the outcome of the recorded lines' last operation: in these lines, or a failure that recovery has appended. */
function ended(log: string, before: string): Expected["ended"] | undefined {
  const started = recordsOf(before).findLast(({ type }) => type === "OperationStarted");
  const outcomeIn = (lines: string) =>
    recordsOf(lines).find((one) => one.operation === started?.operation && one.type !== "OperationStarted");
  if (outcomeIn(before)) return "done";
  return outcomeIn(log)?.type === "OperationFailed" ? "undone" : undefined;
}

function recordsOf(lines: string): EventRecord[] {
  return lines
    .trimEnd()
    .split("\n")
    .map((line) => parseRecord(line));
}
