import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import "../support/built-cli.ts";
import { countOf, seedOr } from "../support/sample.ts";
import { withStore } from "../support/scene.ts";
import { compare, defineTest, simulated } from "./both.ts";
import type { Tally } from "./both.ts";
import { differences } from "./differences.ts";
import { inVirsh, sequence } from "./sequence.ts";
import type { Step } from "./sequence.ts";
import { ended, haveVirsh, virsh } from "./virsh.ts";

/** Random sequences on a simulated domain here and on virsh's test driver. */
const sequences = countOf({ usual: 15, whole: 500 });
const seed = seedOr(20_100_315);
const nothing = (): Tally => ({ created: 0, started: 0, refused: 0, listed: 0 });
const created = (name: string): Step => ({ do: "create", name, description: "" });
const listed = (...flags: string[]): Step => ({ do: "list", flags, from: null });

describe.skipIf(!haveVirsh)("beside virsh (needs libvirt-clients)", () => {
  it("random sequences give the same trees, currents, lists and answers", { timeout: 3_600_000 }, async () => {
    const tally = nothing();
    const same = fc.asyncProperty(sequence, async (steps) => compare(steps, await simulated(), tally));
    await fc.assert(same, { numRuns: sequences, seed });
    console.log(`beside virsh: ${sequences} sequences of seed ${seed}: ${JSON.stringify(tally)}`);
    for (const count of Object.values(tally)) expect(count).toBeGreaterThan(sequences);
  });

  it("so does the program itself, a process for each command", async () => {
    const terminal = await withStore();
    await defineTest(terminal);
    const tally = nothing();
    const steps: readonly Step[] = [
      ...[created("a"), { do: "start from", name: "a" } as const, created("$(x) 雪"), listed("tree")],
      ...[listed("tree", "roots"), { do: "current" } as const],
    ];
    await compare(steps, terminal, tally);
    expect(tally).toEqual({ created: 2, started: 1, refused: 2, listed: 1 });
  });

  it("a chain of 70 has the same tree once the indentation that starts again is unfolded", async () => {
    const names = Array.from({ length: 70 }, (_, i) => `s${i}`);
    const answers = await virsh([...names.map((name) => inVirsh(created(name))), inVirsh(listed("tree"))]);
    const inside = await simulated();
    for (const name of names) await inside.run("snapshot-create-as", "test", name);
    const { stdout } = await inside.run("snapshot-list", "test", "--tree");
    expect(stdout).toMatch(/^\[60\] \+- s60$/m);
    const unfolded = stdout.replace(/^\[(\d+)\] /gm, (_, depth) => " ".repeat(4 * Number(depth) - 2));
    expect(ended(unfolded)).toBe(answers.at(-1)!.text);
  });

  it("names that differ in case alone come one after the other, here in a fixed order", async () => {
    const names = ["B", "a", "b", "A", "c"];
    const answers = await virsh([...names.map((name) => inVirsh(created(name))), inVirsh(listed("name"))]);
    const inside = await simulated();
    for (const name of names) await inside.run("snapshot-create-as", "test", name);
    const { stdout } = await inside.run("snapshot-list", "test", "--name");
    expect(ended(stdout)).toBe("A\na\nB\nb\nc");
    expect(answers.at(-1)!.text.toLowerCase()).toBe(ended(stdout).toLowerCase());
  });

  it("a stopped guest's snapshot is booted here, as the proposal's name of the function says", async () => {
    const steps = [["destroy", "test"], inVirsh(created("off")), inVirsh({ do: "start from", name: "off" }), ["domstate", "test"]]; // prettier-ignore
    const inside = await simulated();
    await inside.run("destroy", "test");
    await inside.run("snapshot-create-as", "test", "off", "--offline");
    await inside.run("create-with-snapshot", "test", "off");
    const { stdout } = await inside.run("domstate", "test");
    expect([(await virsh(steps)).at(-1)!.text, ended(stdout)]).toEqual(["shut off", "running"]);
  });

  it("what the guest has written since is kept here under a name, where virsh forgets it", async () => {
    const inside = await simulated();
    await inside.run("snapshot-create-as", "test", "a");
    await inside.run("destroy", "test");
    const { id } = await inside.connection.domain("test");
    inside.machine.write((await inside.world.head(id, "vda")).path, 0, new Uint8Array(512).fill(1));
    await inside.run("create-with-snapshot", "test", "a");
    const { stdout } = await inside.run("snapshot-list", "test", "--name");
    expect(stdout).toMatch(/^a\nautosave-.*\n$/);
    const steps = [inVirsh(created("a")), inVirsh({ do: "start from", name: "a" }), inVirsh(listed("name"))];
    expect((await virsh(steps)).at(-1)!.text).toBe("a");
  });

  it("flags that virsh alone has are unknown here, not taken and ignored", async () => {
    const inside = await simulated();
    for (const flag of ["--internal", "--external", "--metadata", "--no-metadata", "--current"]) {
      const [told] = await virsh([["snapshot-list", "test", "--name", flag]]);
      const { status, stderr } = await inside.run("snapshot-list", "test", "--name", flag);
      expect([flag, told!.text.includes("doesn't support"), status, stderr]).toEqual([flag, false, 2, expect.stringContaining(`Unknown option '${flag}'`)]); // prettier-ignore
    }
  });
});

it("each difference from virsh is listed in docs/reliability.md, with its reason", () => {
  const page = readFileSync(new URL("../../docs/reliability.md", import.meta.url), "utf8");
  const [, section = ""] = /^## Against virsh$(.*?)^## /ms.exec(page) ?? [];
  const rows = section.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| --"));
  const [, ...named] = rows.map((row) => row.split("|")[1]!.trim());
  expect(named).toEqual(differences);
  for (const row of rows) expect(row.split("|").map((cell) => cell.trim()).slice(1, -1)).not.toContain(""); // prettier-ignore
});
