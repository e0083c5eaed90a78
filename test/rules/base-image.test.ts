import { describe, expect, test } from "vitest";
import type { FileFacts } from "../../src/events/records.ts";
import { layerOf, pendingFolds } from "../../src/projections/layers.ts";
import type { DomainState } from "../../src/projections/state.ts";
import type { BaseFacts } from "../../src/commands/rules/decision.ts";
import type { ErrorCode } from "../../src/errors.ts";
import type { Step } from "./given.ts";
import {
  base,
  compacted,
  compactedOne,
  created,
  createdWritten,
  deactivated,
  domainDefined,
  force,
  given,
  merge,
  merged,
  resized,
  running,
} from "./given.ts";
import { block, sizes } from "./scenario.ts";

const path = "/images/vda.qcow2";

describe("a merge into the base", () => {
  test("rewrites the image of its sole user, and leaves current none", () => {
    const then = given(domainDefined(), createdWritten("a"))
      .when(merge("a"))
      .shows({ rewritten: ["base vda"], reparented: ["clean heads"], destroyed: ["base vda"] })
      .does("SnapshotMerged", { snapshot: { name: "a" }, into: null, moved: null, current: null })
      .leaves("*");
    const { folds, spaceBytes, sets } = then.accepted.plan;
    expect(folds).toMatchObject([{ target: "vda", into: path }]);
    expect(spaceBytes).toBe(sizes.overlay + block);
    expect(sets.destroyed, "with the bytes that go").toMatchObject([{ path, bytes: sizes.base }]);
  });

  test("makes the merged snapshot's children roots", () => {
    given(domainDefined(), created("a"), created("b"), created("c")).when(merge("a")).leaves("b(c*)");
  });

  test("grows a base that is smaller", () => {
    given(domainDefined(), resized(block), created("a")).when(merge("a")).leaves("*");
  });

  test("goes by the base's size now, not by the one that the log knows", () => {
    given(domainDefined(["vda"], sizes.base + block), resized(-block), created("a"), seenSmaller())
      .when(merge("a"))
      .leaves("*");
  });

  test("a second time tells what the base will hold when the first has been folded", () => {
    const then = given(domainDefined(), createdWritten("a"), created("b"), merged("a"))
      .when(merge("b"))
      .shows({ rewritten: ["base vda"], reparented: ["clean heads"], destroyed: ["base vda"] });
    expect(then.accepted.plan.sets.destroyed).toMatchObject([{ path, bytes: sizes.overlay + block }]);
  });

  test("may be forced past other roots, and never past what keeps the image from being rewritten", () => {
    const roots = [domainDefined(), created("a"), deactivated("a"), created("b")];
    given(...roots)
      .when(merge("a", force))
      .leaves("*");
    given(...roots, base({ writable: false }))
      .when(merge("a", force))
      .refuses("BASE_IMAGE_READ_ONLY");
  });

  test("tells first of what it would orphan", () => {
    given(domainDefined(), created("a"), deactivated("a"), created("b"), base({ file: null }))
      .when(merge("a"))
      .refuses("MERGE_WOULD_ORPHAN", { orphaned: ["b"] });
  });
});

/** Somebody made the image smaller, by one block, since it was logged. */
function seenSmaller(): Step {
  return (world) => {
    const { file } = layerOf(world.state, world.state.bases["vda"]);
    base({ file: { ...file, virtualBytes: file.virtualBytes - block } })(world);
  };
}

describe("an image that may not be rewritten", () => {
  /** What is seen of a disk's image, given what the log knows of it. */
  type Seen = (logged: FileFacts) => Partial<BaseFacts>;
  type Case = readonly [why: string, seen: Seen, code: ErrorCode, facts: object, hint: RegExp];
  const shared = { path, users: ["db vda", "vm vdb"] };
  const larger = { path, baseBytes: sizes.base + 512, snapshotBytes: sizes.base };
  const back = /^Put the base image back, with its time of change .*, or keep the snapshot\.$/;
  const grown: Seen = (logged) => ({ file: { ...logged, virtualBytes: sizes.base + 512 } });
  const cases: readonly Case[] = [
    [
      "another disk stands on it",
      () => ({ users: shared.users }),
      "BASE_IMAGE_SHARED",
      shared,
      /Copy it for "vm", or /,
    ],
    ["its mode bits forbid it", () => ({ writable: false }), "BASE_IMAGE_READ_ONLY", { path }, /chmod u\+w\.$/],
    ["it is gone", () => ({ file: null, writable: false }), "NOTHING_BELOW", { path }, back],
    ["it is larger than the snapshot", grown, "BASE_IMAGE_LARGER", larger, /^A base image is never cut\. Resize /],
  ];
  const seen =
    (how: Seen, target = "vda"): Step =>
    (world) =>
      base(how(layerOf(world.state, world.state.bases[target]).file), target)(world);

  test.each(cases)("because %s is left as it is", (_, how, code, facts, hint) => {
    given(domainDefined(), createdWritten("a"), seen(how))
      .when(merge("a"))
      .refuses(code, { target: "vda", ...facts }, hint);
  });

  test.each(cases)("because %s keeps all disks' images from it", (_, how, code) => {
    for (const target of ["vda", "vdb"]) {
      given(domainDefined(["vda", "vdb"]), createdWritten("a"), seen(how, target))
        .when(merge("a"))
        .refuses(code, { target });
    }
  });

  test.each(cases)("because %s keeps nothing from being merged into a snapshot", (_, how) => {
    given(domainDefined(), created("a"), created("b"), seen(how)).when(merge("b")).leaves("a*");
  });

  test("by several rules is told of the first", () => {
    given(domainDefined(), created("a"), running(), base({ users: ["db vda"], writable: false }))
      .when(merge("a"))
      .refuses("BASE_IMAGE_SHARED");
  });
});

describe("a larger layer that still waits to be folded into the base", () => {
  const larger = [domainDefined(), resized(block), created("a")] as const;
  const smaller: readonly Step[] = [resized(-block), created("b")];
  const folds = (world: { state: DomainState }) =>
    pendingFolds(world.state).map(({ into, waits }) => [into.backing === null, waits]);

  test("takes what is merged over it first, so that the base never grows past the snapshot", () => {
    given(...larger, ...smaller, merged("a"))
      .when(merge("b"))
      .leaves("*");
    given(...larger, ...smaller, merged("a"), merged("b"), (world) =>
      expect(folds(world)).toEqual([
        [true, "others"],
        [false, null],
      ]),
    );
  });

  test("keeps the base waiting when it lies below another that does not", () => {
    given(...larger, ...smaller, created("c"), merged("c"), merged("b"))
      .when(merge("a"))
      .leaves("*");
  });

  test("once folded has grown it: a smaller snapshot does not go there any more", () => {
    given(...larger, ...smaller, merged("a"), compacted())
      .when(merge("b"))
      .refuses("BASE_IMAGE_LARGER", { baseBytes: sizes.base + block, snapshotBytes: sizes.base });
  });

  test("is waited for on its own disk alone", () => {
    const disks = ["vda", "vdb"];
    const story = [domainDefined(disks), resized(block, "vdb"), created("a"), resized(-block, "vdb"), created("b")];
    given(...story, merged("b"), compactedOne(), merged("a"), (world) => {
      const waiting = pendingFolds(world.state).filter(({ waits }) => waits !== null);
      expect(waiting.map(({ target }) => target)).toEqual(["vdb"]);
    });
  });

  test("that is no larger than the snapshot waits without harm", () => {
    given(...larger, created("b"), merged("b"))
      .when(merge("a"))
      .leaves("*");
    given(...larger, resized(block), created("b"), merged("b"))
      .when(merge("a"))
      .leaves("*");
  });
});
