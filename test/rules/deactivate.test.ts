import { describe, expect, test } from "vitest";
import {
  created,
  deactivate,
  deactivated,
  discardChanges,
  discarded,
  domainDefined,
  given,
  running,
  startedFrom,
  written,
} from "./given.ts";

const autosave = "autosave-20260324T131646Z";

describe("deactivating without a flag", () => {
  test("keeps the snapshot but moves the heads off it, to its parent", () => {
    given(domainDefined(), created("a"), created("b"))
      .when(deactivate("b"))
      .does("SnapshotDeactivated", { snapshot: { name: "b" }, moved: { current: { name: "a" } }, autosave: null })
      .leaves("a*(~b)");
  });

  test("drops clean heads that move without a word: they held nothing", () => {
    const then = given(domainDefined(["vda", "vdb"]), created("a"), created("b"))
      .when(deactivate("b"))
      .shows({})
      .does("SnapshotDeactivated", { autosave: null, destroyed: [] });
    expect(then.accepted.plan.removes).toHaveLength(2);
  });

  test("moves them to the base from a root: current is none", () => {
    given(domainDefined(), created("a"))
      .when(deactivate("a"))
      .does("SnapshotDeactivated", { moved: { current: null } })
      .leaves("* ~a");
  });

  test("moves them when their chain only runs through it, to the nearest ancestor of it, not of them", () => {
    given(domainDefined(), created("a"), created("b"), created("c")).when(deactivate("b")).leaves("a*(~b(c))");
  });

  test("passes over ancestors that are inactive", () => {
    given(domainDefined(), created("a"), created("b"), created("c"), deactivated("b"), startedFrom("c"))
      .when(deactivate("c"))
      .leaves("a*(~b(~c))");
  });

  test("reaches the base when all ancestors are inactive", () => {
    given(domainDefined(), created("a"), created("b"), deactivated("a"), startedFrom("b"))
      .when(deactivate("b"))
      .leaves("* ~a(~b)");
  });

  test("moves heads off again also when it is inactive already", () => {
    given(domainDefined(), created("a"), created("b"), deactivated("a"), startedFrom("b"))
      .when(deactivate("a"))
      .leaves("* ~a(b)");
  });

  test("only marks it when the heads' chain does not run through it", () => {
    const then = given(domainDefined(), created("a"), created("b"), startedFrom("a"), written())
      .when(deactivate("b"))
      .does("SnapshotDeactivated", { moved: null, autosave: null, destroyed: [] })
      .leaves("a*(~b)");
    expect(then.accepted.plan).toMatchObject({ steps: [], removes: [] });
  });

  test("leaves dirty heads on its parent alone", () => {
    given(domainDefined(), created("a"), created("b"), startedFrom("a"), created("c"), written())
      .when(deactivate("b"))
      .leaves("a(~b c*)");
  });

  test("is refused while a guest runs on it, and not while it runs elsewhere", () => {
    given(domainDefined(), created("a"), created("b"), running())
      .when(deactivate("a"))
      .refuses("DOMAIN_RUNNING", { domain: "vm", guest: "running" }, /destroy vm/);
    given(domainDefined(), created("a"), created("b"), startedFrom("a"), running())
      .when(deactivate("b"))
      .leaves("a*(~b)");
  });

  test("is refused for a name that is not there", () => {
    given(domainDefined()).when(deactivate("a")).refuses("SNAPSHOT_NOT_FOUND", { snapshot: "a" });
  });
});

describe("an inactive snapshot", () => {
  test("can still be branched from: the mark is no lock", () => {
    given(domainDefined(), created("a"), created("b"), deactivated("b"), startedFrom("b"))
      .when(deactivate("a"))
      .leaves("* ~a(b)");
  });

  test("becomes active when heads come to stand on it after a discard of what is below", () => {
    given(domainDefined(), created("a"), created("b"), deactivated("a"), startedFrom("b"), discarded("b"))
      .when(deactivate("a"))
      .does("SnapshotDeactivated", { moved: null })
      .leaves("* ~a");
  });
});

describe("unsaved changes", () => {
  test("are kept as an automatic snapshot in the same event, on what they were made on", () => {
    const then = given(domainDefined(), created("a"), created("b"), written())
      .when(deactivate("a"))
      .does("SnapshotDeactivated", { autosave: { name: autosave, automatic: true, parent: { name: "b" } } })
      .shows({})
      .leaves(`* ~a(b(${autosave}))`);
    expect(then.accepted.plan.removes, "nothing is copied and nothing goes").toEqual([]);
  });

  test("are dropped only with --discard-changes, and listed", () => {
    const then = given(domainDefined(), created("a"), written())
      .when(deactivate("a", discardChanges))
      .shows({ destroyed: ["dirty heads"] })
      .does("SnapshotDeactivated", { autosave: null, destroyed: [{ kind: "heads", on: { name: "a" } }] })
      .leaves("* ~a");
    expect(then.accepted.plan.removes).toHaveLength(1);
  });

  test("that stay where they are need no flag and are not dropped with it", () => {
    given(domainDefined(), created("a"), created("b"), startedFrom("a"), written())
      .when(deactivate("b", discardChanges))
      .does("SnapshotDeactivated", { moved: null, destroyed: [] })
      .shows({});
  });
});
