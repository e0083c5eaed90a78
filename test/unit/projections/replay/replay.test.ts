import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { compare } from "../../../../src/projections/replay/compare.ts";
import { parseCondition } from "../../../../src/projections/condition/parse.ts";
import { applyAll } from "../../../../src/projections/domain.ts";
import { Replay } from "../../../../src/projections/replay/replay.ts";
import { emptyState } from "../../../../src/projections/state.ts";
import type { DomainState } from "../../../../src/projections/state.ts";
import { History } from "../../../../src/cli/output/history.ts";
import { Debugger } from "../../../../src/cli/replay/debugger.ts";
import { commandsIn } from "../../../../src/cli/replay/script.ts";
import { Screen } from "../../../../src/cli/replay/terminal.ts";
import { Historian, history } from "../../../support/histories.ts";

const condition = parseCondition('event.type == "SnapshotMerged" or snapshots.count > 4');
const deed = fc.oneof(
  fc.record({ do: fc.constantFrom("next", "back", "run") }),
  fc.record({ do: fc.constant("jump"), to: fc.nat({ max: 130 }) }),
);

describe("a replay", () => {
  test.prop([history, fc.nat({ max: 10 }), fc.array(deed, { maxLength: 25 })], { numRuns: 60 })(
    "stands, however it got there, where folding the records gets",
    (all, skipped, deeds) => {
      const records = all.slice(skipped);
      const player = new Replay(records, statesOf(all.slice(0, skipped)));
      for (const one of deeds) {
        if (one.do === "next") player.next();
        else if (one.do === "back") player.back();
        else if (one.do === "run") player.run([condition]);
        else player.jump("to" in one ? one.to : 0);
        const { event, state } = player;
        if (!state) continue;
        const upTo = skipped + player.applied;
        expect(event).toEqual(player.applied === 0 ? null : all[upTo - 1]);
        const own = all.slice(0, upTo).filter(({ domain }) => domain === state.id);
        expect(compare(state, applyAll(emptyState(state.id), own))).toEqual([]);
      }
    },
  );

  test.prop([history])("runs to exactly the next event after which a condition holds", (records) => {
    const states = new Map<string, DomainState>();
    const held = records.filter((event) => {
      const id = event.domain ?? "";
      const state = applyAll(states.get(id) ?? emptyState(id), [event]);
      states.set(id, state);
      return condition.holds({ state, event });
    });
    const player = new Replay(records);
    for (const { position } of held) {
      expect(player.run([condition])).toBe(true);
      expect(player.event?.position).toBe(position);
    }
    expect(player.run([condition])).toBe(false);
    expect(player.event?.position).toBe(held.at(-1)?.position);
  });

  test("says what the last event touched", () => {
    const { player, records } = merged();
    player.goTo(Infinity);
    const { data } = records.findLast((record) => record.type === "SnapshotMerged")!;
    expect([...player.touched.changed]).toEqual([data.into?.id]);
    expect(player.touched.gone).toEqual([data.snapshot.name]);
    player.back();
    expect(player.touched).toEqual({ added: new Set(), changed: new Set(), gone: [] });
  });
});

describe("a replay's commands", () => {
  test("in a script are cut at semicolons and lines, but not inside quotes", () => {
    expect(commandsIn("next;  run current == \"a;b\" ;\n\nback 2; x 'c;d'")).toEqual([
      "next",
      'run current == "a;b"',
      "back 2",
      "x 'c;d'",
    ]);
  });

  test.each(["", "nxet", "next x", "next 0", "jump", "jump soon", "run", "break type Nothing", "watch 5 +"])(
    "%j is not understood, and says what is",
    (command) => {
      const { player } = merged();
      expect(() => new Debugger(player).do(command)).toThrow(
        expect.objectContaining({ hint: expect.any(String) as string }) as Error,
      );
      expect(player.applied).toBe(0);
    },
  );
});

describe("a replay on a terminal", () => {
  test("draws what keys do: steps, a watch, a wrong condition, and leaves at q", () => {
    const { player } = merged();
    const drawn: string[] = [];
    const surface = { rows: 20, columns: 100, write: (text: string) => drawn.push(text) };
    const screen = new Screen("replay web", new Debugger(player), new History([]), surface);
    const type = (text: string) => Array.from(text, (one) => screen.press(one, { sequence: one, name: one }));
    screen.draw();
    expect(drawn.at(-1)).toContain("before the first event");
    screen.press(undefined, { name: "end" });
    type("wsnapshots.count");
    screen.press("\r", { name: "return" });
    screen.draw();
    expect(drawn.at(-1)).toContain("snapshots.count = 1");
    expect(drawn.at(-1)).toMatch(/~ s\d+ \*/);
    screen.press("b", { sequence: "b", name: "b" });
    type("rcurent");
    screen.press("\r", { name: "return" });
    screen.draw();
    expect(drawn.at(-1)).toContain('At column 1 of the condition: there is no "curent"');
    expect(drawn.at(-1)).toContain("snapshots.count = 2");
    for (const text of drawn) expect(text.replaceAll("\u001b[K", "").split("\r\n").length).toBeLessThanOrEqual(20);
    expect(screen.press("q", { sequence: "q", name: "q" })).toBe(false);
  });
});

/** A snapshot merged into the one below it, as the last event. */
function merged() {
  const historian = new Historian();
  const [domain = ""] = historian.domains;
  historian.play({ verb: "define", domain });
  for (const pick of [1, 2]) historian.play({ verb: "create", domain, pick });
  historian.play({ verb: "merge", domain, pick: 1 });
  return { records: historian.records, player: new Replay(historian.records) };
}

function statesOf(
  records: Parameters<typeof applyAll>[1] & readonly { domain: string | null }[],
): Map<string, DomainState> {
  const ids = new Set(records.map(({ domain }) => domain ?? ""));
  const own = (id: string) => records.filter(({ domain }) => (domain ?? "") === id);
  return new Map([...ids].map((id) => [id, applyAll(emptyState(id), own(id) as never)]));
}
