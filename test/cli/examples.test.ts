import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { freshFolder } from "../support/folders.ts";
import { digest } from "../support/images.ts";
import { Terminal } from "../support/built-cli.ts";
import { guestWrites, headFile, names, withWeb } from "../support/scene.ts";

/** The programs in examples/, run as the README says, on real images. */

const root = join(import.meta.dirname, "..", "..");

/** Its output, line by line. */
async function example(name: string, { home }: Terminal, ...args: readonly string[]): Promise<string[]> {
  const program = [join(root, "node_modules", ".bin", "tsx"), join(root, "examples", name)] as const;
  const { stdout } = await promisify(execFile)(program[0], [program[1], join(home, "store"), ...args]);
  return stdout.trimEnd().split("\n");
}

describe("examples/nightly.ts", () => {
  it("keeps so many of its snapshots, merges the oldest away, and does nothing twice", async () => {
    const web = await withWeb();
    const nights = ["2026-11-22", "2026-11-23", "2026-11-24"] as const;
    const outputs: string[][] = [];
    for (const [i, night] of nights.entries()) {
      await guestWrites(web, i + 1);
      outputs.push(await example("nightly.ts", web, night, "2"));
    }
    expect(outputs).toEqual([
      ["web: nightly-2026-11-22"],
      ["web: nightly-2026-11-23"],
      ["web: nightly-2026-11-24", "merged nightly-2026-11-23 into nightly-2026-11-22"],
    ]);
    const content = await digest(await headFile(web), "qcow2");

    expect(await example("nightly.ts", web, nights[2], "2")).toEqual(["web: nightly-2026-11-24 (was there already)"]);

    expect(await names(web)).toEqual(["nightly-2026-11-22", "nightly-2026-11-24"]);
    expect(await digest(await headFile(web), "qcow2")).toBe(content);
  });

  it("leaves what somebody branched off from", async () => {
    const web = await withWeb();
    await example("nightly.ts", web, "1", "1");
    await web.ok("snapshot-create-as", "web", "mine", "--offline");
    await web.ok("create-with-snapshot", "web", "nightly-1", "--no-start");
    expect(await example("nightly.ts", web, "2", "1")).toEqual([
      "web: nightly-2",
      'kept nightly-2: Merging "nightly-2" into "nightly-1" would destroy "mine".',
    ]);
    expect(await names(web)).toEqual(["mine", "nightly-1", "nightly-2"]);
  });
});

describe("examples/incident.ts", () => {
  it("makes the incident that docs/investigating.md is about, which can be investigated", async () => {
    const terminal = new Terminal(freshFolder());
    const program = [join(root, "node_modules", ".bin", "tsx"), join(root, "examples", "incident.ts")] as const;
    await promisify(execFile)(program[0], [program[1], terminal.home, "2"]);
    expect(await terminal.ok("history", "db", "before-migration")).toMatch(
      /root \(by sudo from oscar\) merged .*OPS-977/,
    );
    const line = (await terminal.ok("log", "--json", "--type", "SnapshotMerged", "--actor", "oscar")).trimEnd();
    const { position } = JSON.parse(line) as { position: number };
    const tree = await terminal.ok("snapshot-list", "db", "--tree", "--at", String(position - 1));
    expect(tree).toContain("+- before-migration\n");
    expect(await terminal.ok("what-if", "--skip", String(position))).toMatch(
      /move the heads of db.*\n.*would be taken/,
    );
    expect(await terminal.ok("what-if", "--rules")).toContain("decide each as it was decided");
    expect(await terminal.ok("verify", "--replay")).toContain("4 domains fold");
  });
});

describe("examples/who-destroyed.ts", () => {
  it("tells who ended a snapshot, when, and why; or that nobody did", async () => {
    const web = await withWeb();
    await web.ok("snapshot-create-as", "web", "old", "--offline");
    await web.ok("snapshot-deactivate", "web", "old", "--delete", "--reason", "no longer needed");
    await web.ok("snapshot-create-as", "web", "young", "--offline");

    const [line, ...others] = await example("who-destroyed.ts", web, "web", "old");

    expect(line).toMatch(/^\d{4}-\S+Z \[\d+\] \S+ discarded snapshot "old" of web, .*\(reason: no longer needed\)$/);
    expect(others).toEqual([]);
    expect(await example("who-destroyed.ts", web, "web", "young")).toEqual([
      'No snapshot "young" of web was ever destroyed.',
    ]);
  });
});

it("the README says how to run each of them", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  for (const name of ["nightly", "who-destroyed"]) expect(readme).toContain(`npx tsx examples/${name}.ts STORE`);
});
