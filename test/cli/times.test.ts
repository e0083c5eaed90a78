import { beforeAll, describe, expect, it } from "vitest";
import { verbs } from "../../src/cli/verbs.ts";
import type { EventRecord } from "../../src/events/events.ts";
import type { Evidence } from "../../src/connection/api.ts";
import { Inside } from "../support/in-process-cli.ts";
import { Terminal } from "../support/built-cli.ts";
import { logLength, withTree } from "../support/scene.ts";

const current = ["snapshot-info", "snapshot-parent"].map((verb) => [verb, "web", "--current", "--at", "TIME"]);
const plain = ["dominfo", "domstate", "domblklist", "snapshot-list", "snapshot-current", "blame"];

/** Every place where a command line takes a time. */
const places: readonly (readonly string[])[] = [
  ...[["list", "--at", "TIME"], ...plain.map((verb) => [verb, "web", "--at", "TIME"]), ...current],
  ["snapshot-dumpxml", "web", "one", "--at", "TIME"],
  ...["--since", "--until"].map((option) => ["log", option, "TIME"]),
  ...["--from", "--to"].map((option) => ["replay", "--script", "jump end", option, "TIME"]),
  ["bisect", "web", "--when", "snapshots.count > 0", "--until", "TIME"],
  ["diff", "TIME", "2"],
  ["diff", "2", "TIME", "web"],
  ...["--since", "--until"].map((option) => ["export-evidence", "web", "-o", "x", "--plan", option, "TIME"]),
];
const at = (place: readonly string[], time: string) => place.map((word) => (word === "TIME" ? time : word));

describe("every verb", () => {
  const inside = new Inside();
  beforeAll(async () => {
    await inside.ok("define", "--driver", "memory", "--name", "web", "--disk", "vda=/web.qcow2");
    await inside.ok("snapshot-create-as", "web", "root", "--offline");
    await inside.ok("snapshot-create-as", "web", "one", "--offline");
    // The log's own clock begins with 2026: it is two hours later now.
    inside.clock = () => Date.UTC(2026, 0, 1, 2, 0, 1);
  });

  it("that takes a time is here", async () => {
    const declared: string[] = [];
    for (const [name, entry] of verbs) {
      const { verb } = await entry.load();
      for (const [flags] of verb.options ?? []) {
        if (/<.*time/.test(flags)) declared.push(`${name} ${flags.split(" ")[0] ?? ""}`);
      }
      for (const [argument, what] of verb.arguments ?? [])
        if (/\ba time$/.test(what)) declared.push(`${name} ${argument}`);
    }
    const here = places.map((place) => {
      const before = place[place.indexOf("TIME") - 1] ?? "";
      return `${place[0] ?? ""} ${before.startsWith("--") ? before : before === "diff" ? "<from>" : "<to>"}`;
    });
    expect(declared.sort()).toEqual(here.sort());
  });

  it.each(places)("takes the same times: %s %s %s %s", async (...place) => {
    const times = ["2h ago", "-2h", "now", "2026-01-01 02:00", "2026-01-01T02:00:00.000+00:00", "today 02:00"];
    for (const time of [...times, "2026-01-01 24:00"]) {
      const { status, stderr } = await inside.run(...at(place, time));
      // What makes no sense there, such as a period that ends before the log, has a code of its own.
      expect([time, status === 0 ? "" : stderr.split(/[[\]]/)[1]]).not.toContain("USAGE");
    }
  });

  it.each(places)("refuses the same: %s %s %s %s", async (...place) => {
    const refused: [string, string][] = [
      ["2026-11-31", "There is no such day: 2026-11 has the days 01 to 30."],
      ["2026-02-30 10:00", "There is no such day: 2026-02 has the days 01 to 28."],
      ["2026-11-25 25:00", "A day has the times 00:00 to 23:59:59; 24:00 is its end."],
      ["-2m", 'There is no unit "m": give s, min, h, days or weeks.'],
    ];
    for (const [time, hint] of refused) {
      const { status, stdout, stderr } = await inside.run(...at(place, time));
      expect([status, stdout]).toEqual([2, ""]);
      expect(stderr).toMatch(/^error \[USAGE\] .* takes (a position or )?a time, not ".*"\.\n/);
      expect(stderr).toContain(`, not "${time}".\nhint: ${hint}\n`);
    }
  });

  it.each([["--since", "-2h"], ["--since=-2h"], ["--since", "2 hours ago"]])(
    "counts from now: %s %s",
    async (...since) => {
      const { length } = (await inside.ok("log", "--records")).trimEnd().split("\n");
      inside.clock = () => Date.UTC(2026, 0, 1, 2);
      expect((await inside.ok("log", "--records", ...since)).trimEnd().split("\n")).toHaveLength(length);
      inside.clock = () => Date.UTC(2026, 0, 1, 2, 0, 1);
      expect(await inside.ok("log", "--records", ...since)).toBe("");
    },
  );

  it("takes -2h as an argument, too, and no unknown option", async () => {
    inside.clock = () => Date.UTC(2026, 0, 1, 2, 0, 1);
    const nothing = /^Nothing is different between position (\d+) and position \1\.\n$/;
    expect(await inside.ok("diff", "-2h", "now")).toMatch(nothing);
    expect(await inside.ok("diff", "-2h", "-0s", "--json")).toContain('"domains": []');
    expect(await inside.ok("diff", "--", "-2h", "now")).toMatch(nothing);
    expect((await inside.run("diff", "-2h", "-x")).stderr).toContain("Unknown option '-x'");
    expect((await inside.run("show", "-2h")).stderr).toContain('show takes a whole number from 1, not "-2h".');
    expect((await inside.run("snapshot-info", "web", "\0-2h")).stderr).toContain('no snapshot "\\u{0}-2h"');
    expect((await inside.run("snapshot-info", "web", "-2h")).stderr).toContain('no snapshot "-2h"');
  });

  it("has the forms in its help", async () => {
    for (const verb of new Set(places.map(([name = ""]) => name)))
      expect(await inside.ok(verb, "--help")).toMatch(/\nTIMES\n( {2}.{1,90}\n){3}\nEXIT STATUS\n/);
    expect(await inside.ok("start", "--help")).not.toContain("TIMES");
  });
});

/** In Berlin the clocks are moved on 2025-03-30, on 2025-10-26 and, after any log that a test makes, on 2099-10-25. */
describe("in Berlin", () => {
  let web: Terminal;
  beforeAll(async () => {
    web = new Terminal((await withTree()).home, { TZ: "Europe/Berlin" });
  });

  it("refuses an hour that the clocks skip", async () => {
    const { status, stdout, stderr } = await web.run("log", "--since", "2025-03-30 02:30");
    expect([status, stdout, stderr]).toEqual([
      2,
      "",
      'error [USAGE] --since takes a position or a time, not "2025-03-30 02:30".\n' +
        "hint: There is no such time here: the clocks go from 2025-03-30 02:00 to 2025-03-30 03:00. " +
        "Give another, or one with a zone, such as '2025-03-30 03:00:00 +0200'.\n",
    ]);
  });

  it("takes the first of an hour that comes twice, and says so once", async () => {
    const message = "The clocks here show 2099-10-25 02:30 twice; the first is taken: 2099-10-25 02:30:00 +0200.";
    const hint = "The other is '2099-10-25 02:30:00 +0100'.";
    const twice = ["snapshot-list", "web", "--tree", "--from", "root", "--at", "2099-10-25 02:30"];
    const tree = await web.run(...twice);
    expect([tree.status, tree.stderr]).toEqual([0, `warning [TIME_TWICE] ${message}\nhint: ${hint}\n`]);
    expect(tree.stdout).toBe(await web.ok(...twice.slice(0, -2)));
    const log = await web.run("log", "--json", "--until", "2099-10-25 02:30");
    expect(JSON.parse(log.stderr)).toEqual({ warning: { code: "TIME_TWICE", message, hint } });
    expect(log.stdout).toBe(await web.ok("log", "--json"));
    const evidence = await web.run(
      ...["export-evidence", "web", "-o", "x", "--plan", "--json", "--since", "2025-10-26 02:30"],
    );
    expect(JSON.parse(evidence.stdout) as Evidence).toMatchObject({ since: "2025-10-26T00:30:00.000Z" });
    expect(evidence.stderr).toContain("2025-10-26 02:30:00 +0100");
  });
});

describe("each time that is shown can be given back", () => {
  const shownTime = /\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d [+-]\d{4}|T[\d:.]+Z)/g;
  let home: string;
  let end: number;
  beforeAll(async () => {
    const web = await withTree();
    await web.ok("export-evidence", "web", "-o", "x", "--since", "yesterday");
    [home, end] = [web.home, await logLength(web)];
  });

  it.each(["America/St_Johns", "Pacific/Kiritimati"])("in %s", async (TZ) => {
    const web = new Terminal(home, { TZ });
    const lines = (await web.ok("log", "--records")).trimEnd().split("\n");
    const records = (await web.ok("log", "--json")).trimEnd().split("\n");
    expect(lines).toHaveLength(end);
    for (const i of [0, end - 1]) {
      const [local = ""] = lines[i]?.match(shownTime) ?? [];
      const { position, time } = JSON.parse(records[i] ?? "") as EventRecord;
      for (const shown of [local, time]) {
        const given = (await web.ok("log", "--records", "--since", shown, "--until", shown)).split("\n");
        expect(given, shown).toContain(lines[i]);
        expect((await web.run("list", "--at", shown)).status, shown).toBe(0);
      }
      expect(position).toBe(i + 1);
    }
    const elsewhere = [
      ["snapshot-list", "web"],
      ["blame", "web"],
      ["show", String(end)],
      ["history", "web", "a"],
    ];
    const shown = new Set<string>();
    for (const words of elsewhere) for (const [time] of (await web.ok(...words)).matchAll(shownTime)) shown.add(time);
    const early = await web.run("list", "--at", "1999-12-31");
    for (const [time] of early.stderr.matchAll(shownTime)) shown.add(time);
    expect(shown.size).toBeGreaterThan(3);
    for (const time of shown) expect((await web.run("log", "--since", time)).status, time).toBe(0);
  });
});
