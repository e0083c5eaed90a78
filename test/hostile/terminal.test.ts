import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { History } from "../../src/cli/output/history.ts";
import { Debugger } from "../../src/cli/replay/debugger.ts";
import { Screen } from "../../src/cli/replay/terminal.ts";
import { verbs } from "../../src/cli/verbs.ts";
import { Replay } from "../../src/projections/replay/replay.ts";
import { Inside } from "../support/in-process-cli.ts";
import { hostileLog, placesFor } from "./hostile-log.ts";

/** What a terminal acts on: clears it, moves on it, colours it, turns text round, types for its user, rings. */
const orders = [
  ...["\u001b[2J", "\u001b]52;c;cm0gLXJm\u0007", "\u001b]0;title\u001b\\", "\u009b31m", "\u0090q\u009c", "\u001bc"],
  ...[
    "\r",
    "\b\b\b",
    "\u007f",
    "\u0007",
    "\u000e",
    "\u0085",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\u200f",
    "\u061c",
  ],
  ...["\ufeff", "\u200b", "\u{e0041}", "\ud800", "\udfff", "\nerror [FORGED] all is well", "\n\thint: forged"],
];
const acted = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\p{Default_Ignorable_Code_Point}]|\p{Surrogate}/u;

/** Every verb that only reads, with each way that it prints. */
function readings(hostile: string): readonly (readonly string[])[] {
  const { domain, snapshot, file } = placesFor(hostile);
  const list = ["snapshot-list", domain];
  return [
    ...[["list"], ["list", "--name"], ["dominfo", domain], ["domblklist", domain], ["domstate", domain]],
    ...[list, [...list, "--tree"], [...list, "--name"], [...list, "--parent"], [...list, "--from", snapshot, "--tree"]],
    ...[
      ["snapshot-info", domain, snapshot],
      ["snapshot-current", domain, "--name"],
      ["snapshot-parent", domain, "--current"],
    ],
    ...[["log"], ["log", domain], ["log", "--records"], ["log", "--ticket", `ticket${hostile}`]],
    ...[
      ["history", domain, snapshot],
      ["blame", domain],
      ["why", file],
      ["diff", "1", "20", domain],
      ["diff", "1", "20"],
    ],
    ...[
      ["what-if", "--skip", "4"],
      ["what-if", "--rules"],
      ["show", "2"],
      ["show", "4"],
      ["show", "20"],
    ],
    ["replay", domain, "--script", "run snapshots.count == 2; tree; jump end; tree; watch snapshots.names; back"],
    ["bisect", domain, "--when", "snapshots.count == 2"],
    ...["ndjson", "cloudevents", "ocsf", "syslog"].map((format) => ["export", "--format", format]),
    ...[["export", domain], ["head"], ["recover", "--explain", domain]],
  ];
}

/** What says what it was given: names, files and options that are not there. */
function mistakes(hostile: string): readonly (readonly string[])[] {
  const { domain } = placesFor(hostile);
  const { domain: other } = placesFor(`${hostile}!`);
  const [there, gone] = [domain, `gone${hostile}`];
  return [
    ...[
      ["snapshot-info", there, gone],
      ["dominfo", other],
      ["why", gone],
      ["history", there, gone],
      [gone],
      ["list", `--${gone}`],
    ],
    ...[
      ["snapshot-list", there, "--at", gone],
      ["snapshot-list", there, "--from", gone],
      ["bisect", there, "--when", gone],
    ],
    ...[
      ["define", gone],
      ["define", "--name", "x", "--disk", gone],
      ["define", "--name", gone, "--disk", "vda=/x", "--driver", "memory"],
    ],
    ...[
      ["snapshot-create-as", there, gone],
      ["snapshot-create", there, gone],
      ["export", "--format", gone],
      ["show", gone],
    ],
    ...[
      ["replay", there, "--script", gone],
      ["log", "--since", gone],
      ["list", "extra", gone],
      ["snapshot-revert", there, gone],
    ],
    ...[
      ["snapshot-create-as", there, "x", "--compress-method", gone, "--offline"],
      ["list", "--wait", gone],
    ],
  ];
}

async function expectHarmless(inside: Inside, args: readonly string[], done = false): Promise<string> {
  const { status, stdout, stderr } = await inside.run(...args);
  for (const text of [stdout, stderr]) {
    expect({ args, found: acted.exec(text)?.[0], text }).toEqual({ args, found: undefined, text });
    expect({ args, forged: /^\s*(error \[FORGED\]|hint: forged)/m.test(text) }).toEqual({ args, forged: false });
  }
  expect({ args, status, fault: /^error: /m.exec(stderr)?.input }).toEqual({ args, status, fault: undefined });
  if (done) expect({ args, status, stderr }).toEqual({ args, status: 0, stderr });
  return stdout;
}

/** One value, or one on each line. */
function values(json: string): unknown[] {
  try {
    return [JSON.parse(json)];
  } catch {
    return json
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
  }
}

async function expectAllHarmless(hostile: string): Promise<void> {
  const inside = new Inside(await hostileLog(hostile));
  let shown = 0;
  for (const args of readings(hostile)) {
    shown += (await expectHarmless(inside, args, true)).length;
    if (args[0] === "export") continue;
    const json = await expectHarmless(inside, ["--json", ...args]);
    if (json !== "") expect(values(json)).not.toHaveLength(0);
  }
  for (const args of mistakes(hostile)) {
    await expectHarmless(inside, args);
    await expectHarmless(inside, ["--json", ...args]);
  }
  expect(shown).toBeGreaterThan(10_000);
}

describe("a terminal", () => {
  it("is given no orders by anything in a log, whichever verb prints it, nor by any mistake", async () => {
    await expectAllHarmless(orders.join("x"));
    const some = fc.array(fc.constantFrom(...orders), { minLength: 1, maxLength: 5 }).map((drawn) => drawn.join("a"));
    await fc.assert(fc.asyncProperty(some, expectAllHarmless), { numRuns: 1, seed: 20_100_315 });
  });

  it("is given what is hostile in a form that says what it is, and JSON that reads back as it was", async () => {
    const hostile = "\u001b[2J\u202e\u009b";
    const inside = new Inside(await hostileLog(hostile));
    const { domain, snapshot } = placesFor(hostile);
    expect(await inside.ok("snapshot-list", domain, "--name")).toContain("snap\\u{1b}[2J\\u{202e}\\u{9b}\n");
    expect(JSON.parse(await inside.ok("--json", "snapshot-info", domain, snapshot))).toMatchObject({ name: snapshot });
    const log = (await inside.ok("--json", "log")).trimEnd().split("\n");
    expect(log.map((line) => JSON.parse(line) as unknown)).toEqual(
      inside.world.lines.map((line) => JSON.parse(line) as unknown),
    );
  });

  it("and names that are no longer accepted can still be worked with", async () => {
    const inside = new Inside(await hostileLog("\u200b"));
    const { domain, snapshot } = placesFor("\u200b");
    expect(await inside.ok("create-with-snapshot", domain, snapshot, "--no-start")).toContain("snap\\u{200b}");
    expect(await inside.ok("snapshot-deactivate", domain, snapshot, "--discard-force")).toContain("snap\\u{200b}");
    expect((await inside.run("snapshot-create-as", domain, "new\u200b", "--offline")).stderr).toMatch(/INVALID_NAME/);
  });

  it("is not given them by a replay on the whole of it either", async () => {
    const hostile = orders.join("x");
    const inside = new Inside(await hostileLog(hostile));
    let drawn = "";
    const surface = { rows: 40, columns: 200, write: (text: string) => (drawn += text) };
    const screen = new Screen(`replay ${hostile}`, new Debugger(new Replay(inside.world.records())), new History(await inside.connection.names()), surface); // prettier-ignore
    for (let n = 0; n < 30; n++) {
      screen.press(undefined, { name: "n", sequence: "n" });
      screen.draw();
    }
    const ours = /\u001b\[(?:H|K|J|[017]m)|\r\n/g;
    expect(drawn).toContain("snap\\u{1b}[2J");
    expect(acted.exec(drawn.replace(ours, ""))).toBeNull();
  });

  it("has been tried with every verb that reads", () => {
    const tried = new Set([...readings(""), ...mistakes("")].map(([verb]) => verb));
    const left = [...verbs.keys()].filter((verb) => !tried.has(verb));
    expect(left).toEqual([
      ...[
        "snapshot-dumpxml",
        "create-with-snapshot",
        "snapshot-deactivate",
        "compact",
        "undefine",
        "start",
        "shutdown",
      ],
      ...[
        "destroy",
        "suspend",
        "resume",
        "verify",
        "checkpoint",
        "prove",
        "prove-consistent",
        "key",
        "export-evidence",
        "init",
      ],
      ...["backup", "restore", "salvage", "shell", "snapshot-delete", "blockcommit"],
    ]);
  });
});
