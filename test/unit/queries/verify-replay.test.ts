import { fc, test } from "@fast-check/vitest";
import { beforeAll, describe, expect } from "vitest";
import { cachedStateFiles, nothingCached, readDomainState } from "../../../src/queries/cache/cached-states.ts";
import { memoryEventLog } from "../../../src/events/memory-log.ts";
import { canonicalText } from "../../../src/projections/replay/canonical.ts";
import { clone, compare } from "../../../src/projections/replay/compare.ts";
import { freshFolder } from "../../support/folders.ts";
import { Historian, storedHistory } from "../../support/histories.ts";
import { readingConnection } from "../../support/reading-connection.ts";

const log = (lines: readonly string[]) => memoryEventLog({ clock: () => 0, newId: () => "", disk: [...lines] });

describe("a replay that is verified", () => {
  test.prop([storedHistory], { numRuns: 40 })(
    "is the same from zero and from cached states, for every history",
    async (lines) => {
      const { ok, differs } = await readingConnection(log(lines), cachedStateFiles(freshFolder())).verifyReplay();
      expect([ok, differs]).toEqual([true, null]);
    },
  );

  const historian = new Historian();
  const [web = ""] = historian.domains;
  beforeAll(() => {
    historian.play({ verb: "define", domain: web });
    for (let i = 0; historian.state(web).revision < 1200; i++) {
      historian.play({ verb: "start", domain: web });
      historian.play({ verb: "stop", domain: web });
    }
  });

  test("names the first event from which a checkpoint is wrong, though its checksum is right", async () => {
    const checkpoints = cachedStateFiles(freshFolder());
    const open = log(historian.lines);
    const right = await readDomainState(open, web, nothingCached, { upTo: 513 });
    expect(right.revision).toBe(512);
    await readDomainState(open, web, checkpoints);
    await checkpoints.dropOlder(web);
    await checkpoints.saveOlder({ ...clone(right), layersFolder: "/elsewhere" });
    const { ok, differs } = await readingConnection(open, checkpoints).verifyReplay();
    expect(ok).toBe(false);
    expect(differs).toMatchObject({ domain: web, revision: 512, position: right.position });
    expect(differs?.differences).toMatchObject([{ path: "layersFolder", right: "/elsewhere" }]);
  });

  test("compares at every older cached state and at the end", async () => {
    const checkpoints = cachedStateFiles(freshFolder());
    const open = log(historian.lines);
    await readDomainState(open, web, checkpoints);
    const { domains } = await readingConnection(open, checkpoints).verifyReplay();
    expect(domains).toMatchObject([{ id: web, compared: 3, revision: historian.state(web).revision }]);
    expect(domains[0]?.hash).toMatch(/^sha256:[0-9a-f]{64}$/);
  });
});

describe("a canonical text", () => {
  // Numbers of ours are whole: JSON knows neither -0 nor NaN.
  const values = [fc.string(), fc.integer(), fc.boolean(), fc.constant(null)];
  const value = fc.object({ withMap: true, withSet: true, maxDepth: 3, values });
  test.prop([value, value])("is the same exactly for equal values, whatever their order", (left, right) => {
    const isSame = compare(left, right).length === 0;
    expect(canonicalText(left) === canonicalText(right)).toBe(isSame);
    const turned = Object.fromEntries(Object.entries(left).reverse());
    expect(canonicalText(turned)).toBe(canonicalText(left));
  });
});
