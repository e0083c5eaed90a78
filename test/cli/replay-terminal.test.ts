import { expect, it } from "vitest";
import { ctrlC, enter, OnTerminal } from "./on-terminal.ts";
import { withTree } from "../support/scene.ts";

/** A replay as a person has it, on a real terminal. */

it("steps by keys, jumps, runs to what is looked for, watches, and gives the terminal back", async () => {
  const replay = new OnTerminal(await withTree(), "replay", "web");
  const [, all = ""] = /of (\d+) events/.exec(await replay.until(/replay web {2}0 of \d+ events/)) ?? [];
  await replay.until("before the first event");
  await replay.until("q quit");

  replay.press("n");
  await replay.until("replay web  1 of");
  replay.press("N");
  await replay.until("replay web  11 of");
  replay.press("b");
  await replay.until("replay web  10 of");
  replay.press("w", "snapshots.count", enter);
  await replay.until(/snapshots\.count = \d/);
  replay.press("\u001b[H");
  await replay.until("replay web  0 of");
  replay.press("r", 'snapshot("b")', enter);
  await replay.until('created snapshot "b" of web on "a"');
  await replay.until("snapshots.count = 3");
  await replay.until("+ b *");
  replay.press("k", "type HeadsMoved", enter);
  await replay.until("breakpoints:");
  replay.press("c");
  await replay.until('moved the heads of web to snapshot "a"');
  replay.press("j", "end", enter);
  await replay.until(`replay web  ${all} of ${all}`);
  replay.press("j", "nowhere", enter);
  await replay.until("Replay does not understand: jump nowhere");
  await replay.until("q quit");

  // Drawn anew for the size that it has now: lines that do not fit are cut off.
  replay.resize(12, 40);
  await replay.until(/\n-{40}\n/);
  replay.resize(24, 120);
  await replay.until(/\n-{120}\n/);
  replay.press("q");
  expect(await replay.ended).toBe(0);
  expect(replay.raw).toMatch(/\u001b\[\?1049h[^]*\u001b\[\?1049l$/);
});

it("is left by Ctrl-C with the terminal as it was", async () => {
  const replay = new OnTerminal(await withTree(), "replay");
  await replay.until("replay of all domains");
  replay.press(ctrlC);
  expect(await replay.ended).toBe(0);
  expect(replay.raw).toMatch(/\u001b\[\?1049l$/);
});
