import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bundle } from "../support/built-cli.ts";
import { freshFolder } from "../support/folders.ts";
import type { Game } from "./round.ts";
import { play } from "./round.ts";

/** A sample of `npm run soak`, and that it would notice. */

const game = (seed: number, program: string): Game => ({
  ...{ seed, kills: 2, sweep: false, folder: mkdtempSync(join(freshFolder(), "soak-")), program, faults: null },
});

test("a round of kills loses no record and no byte", async () => {
  const { hits, missed, before, after, acknowledged, read } = await play(game(143, bundle), () => undefined);
  expect(hits.length + missed).toBeGreaterThanOrEqual(2);
  expect(before + after).toBe(2);
  expect([acknowledged, read].every((count) => count > 0)).toBe(true);
});

test("a recovery that changes one byte of a base image is found out", async () => {
  const liar = join(freshFolder(), "liar.cjs");
  const lie = `
    const { readdirSync, readFileSync, writeFileSync } = require("node:fs");
    const [image] = readdirSync(".").filter((name) => name.startsWith("web-vda."));
    if (process.argv.includes("recover")) writeFileSync(image, readFileSync(image).fill(0x5a, 327681, 327682));
    require(${JSON.stringify(bundle)});`;
  writeFileSync(liar, lie);
  // By the bytes if a kill hit, else at the round's end by `verify --files`.
  await expect(play(game(143, liar), () => undefined)).rejects.toThrow(/recovered: expected|FILES_DIFFER/);
});
