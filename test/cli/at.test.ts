import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import type { EventRecord } from "../../src/events/events.ts";
import type { Terminal } from "../support/built-cli.ts";
import { guestWrites, logLength, withTree } from "../support/scene.ts";

const reading: readonly (readonly string[])[] = [
  ["list"],
  ["dominfo", "web"],
  ["dominfo", "web", "--json"],
  ["domstate", "web"],
  ["domblklist", "web"],
  ["snapshot-list", "web", "--tree"],
  ["snapshot-list", "web", "--json"],
  ["snapshot-list", "web", "--from", "root", "--tree"],
  ["snapshot-current", "web", "--name"],
  ["snapshot-info", "web", "--current"],
  ["snapshot-parent", "web", "--current"],
  ["snapshot-dumpxml", "web", "a"],
  ["snapshot-dumpxml", "web", "a", "--libvirt"],
];

async function outputs(web: Terminal, ...at: string[]): Promise<string[]> {
  const told: string[] = [];
  for (const verb of reading) told.push(await web.ok(...verb, ...at));
  return told;
}

describe("--at", () => {
  let web: Terminal;
  let position: number;
  let before: string[];
  beforeAll(async () => {
    web = await withTree();
    position = await logLength(web);
    before = await outputs(web);
    await sleep(5);
    await guestWrites(web, 9);
    await web.ok("create-with-snapshot", "web", "a", "--no-start");
    await web.ok("snapshot-deactivate", "web", "b", "--delete");
    await web.ok("snapshot-deactivate", "web", "a", "--mergeforce");
  });

  it("prints what the verb printed then, by position and by time", async () => {
    expect(await web.ok("snapshot-list", "web", "--tree")).not.toBe(before[5]);
    expect(await outputs(web, "--at", String(position))).toEqual(before);
    const { time } = JSON.parse(await web.ok("show", String(position), "--json")) as EventRecord;
    expect(await web.ok("snapshot-list", "web", "--tree", "--at", time)).toBe(before[5]);
  });

  it("changes nothing in the log", async () => {
    const end = await logLength(web);
    await web.ok("snapshot-list", "web", "--at", "3");
    expect(await logLength(web)).toBe(end);
  });

  it.each([
    [["list", "--at", "soon"], 2, 'error [USAGE] --at takes a position or a time, not "soon".\n'],
    [["list", "--at", "0"], 2, 'error [USAGE] --at takes a whole number from 1, not "0".\n'],
    [["list", "--at", "2026-02-31T99:00"], 2, "error [USAGE] --at takes a position or a time"],
    [["list", "--at", "9999"], 4, "error [POSITION_NOT_FOUND] There is no position 9999 in this log.\n"],
    [
      ["list", "--at", "1999-12-31"],
      4,
      "error [POSITION_NOT_FOUND] The log did not exist at 1999-12-31T00:00:00.000Z.",
    ],
    [["dominfo", "web", "--at", "1"], 4, 'error [DOMAIN_NOT_FOUND] There was no domain "web" at position 1.\n'],
  ])("%j exits %i", async (args, status, message) => {
    const ran = await web.run(...args);
    expect([ran.status, ran.stdout, ran.stderr.slice(0, message.length)]).toEqual([status, "", message]);
  });
});
