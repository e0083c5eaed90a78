import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { isSnapledgerError } from "../../../src/errors.ts";
import type { AsOf, Connection } from "../../../src/connection/api.ts";
import { Historian, storedHistory } from "../../support/histories.ts";
import { connectionTo } from "../../support/reading-connection.ts";

/** What every reading verb rests on, as one value: an error counts as its code, whatever it says of now and then. */
async function everything(connection: Connection, names: readonly string[], asOf?: AsOf): Promise<unknown> {
  const told: unknown[] = [await connection.domains(asOf)];
  for (const name of names) {
    told.push(await connection.domain(name, asOf).catch(codeOf));
    told.push(await connection.snapshots(name, { topological: true }, asOf).catch(codeOf));
    told.push(await connection.snapshots(name, { leaves: true }, asOf).catch(codeOf));
    told.push(await connection.snapshots(name, { from: "s3", descendants: true }, asOf).catch(codeOf));
    told.push(await connection.snapshot(name, "s3", asOf).catch(codeOf));
  }
  return told;
}

function codeOf(error: unknown): string {
  if (isSnapledgerError(error)) return error.code;
  throw error;
}

describe("as of a position", () => {
  const cut = fc.double({ min: 0, max: 1, noNaN: true });

  test.prop([storedHistory, cut], { numRuns: 150 })(
    "everything is as a log that was cut there tells it, by name and by uuid",
    async (lines, at) => {
      const position = 1 + Math.floor(at * (lines.length - 1));
      const [first, second] = new Historian().domains;
      const names = [`vm-${first!.slice(-2)}`, `vm-${second!.slice(-2)}`, first!, "nobody"];
      const then = await everything(connectionTo(lines), names, { at: position });
      expect(then).toEqual(await everything(connectionTo(lines.slice(0, position)), names));
    },
  );

  const { lines, records } = playedOut();
  const connection = connectionTo(lines);

  test("no position is before the first or past the last", async () => {
    for (const at of [0, lines.length + 1]) {
      const asked = [
        connection.domains({ at }),
        connection.domain("vm-03", { at }),
        connection.snapshots("x", {}, { at }),
      ];
      for (const asking of asked) await expect(asking).rejects.toMatchObject({ code: "POSITION_NOT_FOUND" });
    }
  });

  test("a domain that was not there yet, or not any more, is not found, and the error says when", async () => {
    await expect(connection.domain("vm-03", { at: 1 })).rejects.toThrow('There was no domain "vm-03" at position 1.');
    await expect(connection.domain("vm-03")).rejects.toThrow('There is no domain "vm-03".');
    const before = records.find(({ type }) => type === "DomainUndefined")!.position - 1;
    expect(await connection.domain("vm-03", { at: before })).toMatchObject({ name: "vm-03" });
  });

  test("a time is the last position that is not after it; none is before the log", async () => {
    for (const [i, { time }] of records.entries()) expect(await connection.positionAt(time)).toBe(i + 1);
    expect(await connection.positionAt("2026-01-01T00:00:01.999Z")).toBe(2);
    expect(await connection.positionAt("2999-01-01T00:00:00.000Z")).toBe(records.length);
    const early = connection.positionAt("2025-12-31T23:59:59.999Z");
    await expect(early).rejects.toMatchObject({
      code: "POSITION_NOT_FOUND",
      hint: `It begins at ${records[0]!.time}.`,
    });
  });
});

/** One domain, from its definition to the end of it. */
function playedOut(): Historian {
  const historian = new Historian();
  const [domain = ""] = historian.domains;
  historian.play({ verb: "define", domain });
  historian.play({ verb: "create", domain, pick: 3 });
  historian.play({ verb: "undefine", domain, force: true });
  return historian;
}
