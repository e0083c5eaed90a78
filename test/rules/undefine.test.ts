import { describe, expect, test } from "vitest";
import { garbage } from "../../src/projections/layers.ts";
import type { Step } from "./given.ts";
import {
  compacted,
  compactedOne,
  created,
  createdWritten,
  discarded,
  domainDefined,
  given,
  merged,
  resized,
  running,
  startedFrom,
  stopped,
  undefine,
  written,
} from "./given.ts";
import { block, sizes } from "./scenario.ts";

const ways = ["refuse", "discard-all", "keep-files"] as const;
const flags = /^Pass --discard-all to remove everything, or --keep-files to leave every file where it is\.$/;
/** Snapshots of all kinds, and changes that none of them has. */
const full: readonly Step[] = [
  ...[domainDefined(["vda", "vdb"]), createdWritten("a"), running(), created("b"), stopped()],
  ...[written(), startedFrom("a"), written("vdb")],
];
const autosave = "autosave-20260324T131646Z";

describe("a domain that holds nothing of its own", () => {
  test.each(ways)("is undefined by %s, and its head goes but the base stays", (keep) => {
    const then = given(domainDefined())
      .when(undefine(keep))
      .shows({})
      .does("DomainUndefined", { name: "vm", discarded: [], destroyed: [] })
      .and(({ defined, disks }) => expect({ defined, disks }).toEqual({ defined: false, disks: [] }));
    const { removes, steps } = then.accepted.plan;
    expect(steps).toEqual([]);
    expect(removes).toHaveLength(keep === "keep-files" ? 0 : 1);
    expect(removes).not.toContain("/images/vda.qcow2");
  });

  test("is so again when its snapshots are gone", () => {
    given(domainDefined(), created("a"), created("b"), discarded("b"), merged("a"), compacted())
      .when(undefine())
      .does("DomainUndefined", { discarded: [] });
  });
});

describe("what would be lost", () => {
  test("forbids it: snapshots are named", () => {
    const { message } = given(...full)
      .when(undefine())
      .refuses("DOMAIN_HAS_SNAPSHOTS", { domain: "vm", snapshots: 3 }, flags);
    expect(message).toBe(`Domain "vm" has 3 snapshots: "a", "b", "${autosave}".`);
  });

  test.each([undefined, "bogus", "discard-all "])(
    "forbids it whatever is asked for but in so many words: %s",
    (keep) => {
      given(...full)
        .when({ ...undefine(), keep: keep as "refuse" })
        .refuses("DOMAIN_HAS_SNAPSHOTS", {});
    },
  );

  test.each([
    [10, /: "s1", .*"s10"\.$/],
    [11, /: "s1", .*"s10" and 1 more\.$/],
  ])("is told in full up to ten names: %i", (count, words) => {
    const many = Array.from({ length: count }, (_, i) => created(`s${i + 1}`));
    const { message } = given(domainDefined(), ...many)
      .when(undefine())
      .refuses("DOMAIN_HAS_SNAPSHOTS", { snapshots: count });
    expect(message).toMatch(words);
  });

  test.each([
    ["written to", written("vdb")],
    ["resized", resized(block, "vdb")],
  ])("forbids it: heads were %s since they were made", (_, change) => {
    const { message } = given(domainDefined(["vda", "vdb"]), change)
      .when(undefine())
      .refuses("HEADS_DIRTY", { domain: "vm" }, flags);
    expect(message).toBe('The heads of "vm" hold changes that no snapshot has.');
  });

  test("is all listed with its bytes by --discard-all, and goes", () => {
    const then = given(...full)
      .when(undefine("discard-all"))
      .shows({ destroyed: ["a", "b", `${autosave} automatic`, "dirty heads"] })
      .does("DomainUndefined", {
        discarded: [{ name: "a" }, { name: "b" }, { name: autosave }],
        destroyed: [
          { bytes: 2 * sizes.overlay + block },
          { bytes: 2 * sizes.overlay + sizes.memory },
          { bytes: 2 * sizes.overlay + block },
          { bytes: 2 * sizes.overlay + block },
        ],
        kept: [],
      });
    expect(then.accepted.plan.removes, "four layers of each disk, and a memory").toHaveLength(9);
    then.and((state) => {
      expect(garbage(state), "all layers are nobody's now").toHaveLength(8);
      expect(state.looseMemories).toHaveLength(1);
    });
  });

  test("is nothing with --keep-files: every file stays, and is listed", () => {
    const then = given(...full)
      .when(undefine("keep-files"))
      .shows({})
      .does("DomainUndefined", { discarded: [{ name: "a" }, { name: "b" }, { name: autosave }], destroyed: [] });
    expect(then.accepted.plan.removes).toEqual([]);
    then.and((state) => {
      expect(state.kept).toHaveLength(9);
      expect(state.kept).not.toContain("/images/vda.qcow2");
      expect([...garbage(state), ...state.looseMemories], "so that no clean-up takes them").toEqual([]);
    });
  });

  test("is not what clean heads hold", () => {
    given(domainDefined(), created("a"))
      .when(undefine("discard-all"))
      .shows({ destroyed: ["a"] });
  });
});

describe("it is refused in every way", () => {
  test.each(ways)("while the guest runs: %s", (keep) => {
    given(domainDefined(), running())
      .when(undefine(keep))
      .refuses("DOMAIN_RUNNING", { domain: "vm", guest: "running" }, /destroy vm/);
    given(domainDefined(), running(true)).when(undefine(keep)).refuses("DOMAIN_RUNNING", { guest: "paused" });
  });

  test.each(["refuse", "discard-all"] as const)("while a merge is not folded: %s", (keep) => {
    const story = [domainDefined(["vda", "vdb"]), created("a"), created("b"), merged("b")] as const;
    const { message } = given(...story)
      .when(undefine(keep))
      .refuses(
        "COMPACTION_UNFINISHED",
        { domain: "vm", folds: 2 },
        /`snapledger compact vm`\. If it can't, --keep-files /,
      );
    expect(message).toBe('A merge of "vm" has not ended on disk.');
  });

  test("while a merge into the base is not folded, with no snapshot left", () => {
    const story = [domainDefined(), created("a"), merged("a")] as const;
    given(...story)
      .when(undefine("discard-all"))
      .refuses("COMPACTION_UNFINISHED", { folds: 1 });
    given(...story, compacted())
      .when(undefine())
      .does("DomainUndefined");
  });
});

describe("a merge that is not folded", () => {
  test("into the base is no hindrance to keeping all files: where the content is, is said", () => {
    const then = given(domainDefined(["vda", "vdb"]), created("a"), merged("a"), compactedOne())
      .when(undefine("keep-files"))
      .does("DomainUndefined", { destroyed: [] })
      .warns("COMPACTION_PENDING");
    const [warning] = then.accepted.warnings;
    const layer = /\/layers\/\S+\.qcow2/.exec(warning?.message ?? "")?.[0];
    expect(warning?.message).toMatch(/^Base image \/images\/vdb\.qcow2 \(vdb\) lacks content that was merged into it/);
    expect(warning?.hint).toBe(`To have it in one file: qemu-img convert -f qcow2 -O qcow2 ${layer ?? ""} NEWFILE`);
    then.and(({ kept }) => expect(kept).toContain(layer));
  });

  test("into a snapshot is none either, and what it holds needs no word", () => {
    given(domainDefined(), created("a"), created("b"), merged("b"))
      .when(undefine("keep-files"))
      .warns()
      .and(({ kept }) => expect(kept, "two layers and the head").toHaveLength(3));
  });
});

test("files that wait to be unlinked go with it, or are kept with it", () => {
  const waiting: Step = (world) => {
    world.execute({ type: "DiscardSnapshot", domain: "vm", snapshot: "a", force: false, discardChanges: false });
  };
  const story = [domainDefined(), running(), created("a"), stopped(), waiting] as const;
  const gone = given(...story).when(undefine());
  expect(gone.accepted.plan.removes, "head, old head, layer and memory").toHaveLength(4);
  given(...story)
    .when(undefine("keep-files"))
    .and(({ kept }) => expect(kept).toHaveLength(4));
});
