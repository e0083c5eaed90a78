import { describe, expect, test } from "vitest";
import { layersOf } from "../../src/projections/layers.ts";
import { namedSnapshot } from "../../src/projections/views/views.ts";
import {
  created,
  createdWritten,
  deactivated,
  discardChanges,
  domainDefined,
  driverWith,
  given,
  resized,
  running,
  startedFrom,
  startFrom,
  stopped,
  written,
} from "./given.ts";
import { block, sizes } from "./scenario.ts";

describe("starting from a snapshot", () => {
  test("puts fresh heads on its layers, leaf or not, and makes it current", () => {
    given(domainDefined(["vda", "vdb"]), created("a"), created("b"), created("c"))
      .when(startFrom("b"))
      .does("HeadsMoved", { to: { name: "b" }, autosave: null, destroyed: [] })
      .leaves("a(b*(c))");
  });

  test("from the current one gives fresh heads too", () => {
    const then = given(domainDefined(), created("a")).when(startFrom("a")).leaves("a*");
    expect(then.accepted.plan.steps).toHaveLength(1);
  });

  test("gives heads as large as its layers, whatever size the disk has had since", () => {
    const then = given(domainDefined(), resized(block), created("a"), resized(-block), created("b")).when(
      startFrom("a"),
    );
    expect(then.accepted.plan.steps).toMatchObject([{ virtualBytes: sizes.base + block }]);
  });

  test("drops clean heads without a word", () => {
    const then = given(domainDefined(), created("a"), created("b")).when(startFrom("a")).shows({});
    expect(then.accepted.plan.removes).toHaveLength(1);
  });

  test("clears its inactive mark", () => {
    given(domainDefined(), created("a"), created("b"), deactivated("b")).when(startFrom("b")).leaves("a(b*)");
  });

  test("leaves the marks of what is above it", () => {
    given(domainDefined(), created("a"), created("b"), deactivated("a")).when(startFrom("b")).leaves("~a(b*)");
  });

  test("is refused while the domain runs", () => {
    given(domainDefined(), created("a"), running())
      .when(startFrom("a"))
      .refuses("DOMAIN_RUNNING", { domain: "vm", guest: "running" }, /destroy vm/);
    given(domainDefined(), created("a"), running(), stopped()).when(startFrom("a")).leaves("a*");
  });

  test("is refused where the driver cannot run guests, and --no-start passes", () => {
    const domain = given(domainDefined(), created("a"), driverWith({ guests: false }));
    domain.when(startFrom("a")).refuses("UNSUPPORTED", { driver: "memory" }, /--no-start/);
    domain.when(startFrom("a", { start: false })).leaves("a*");
  });

  test("is refused for a name that is not there", () => {
    given(domainDefined(), created("a"))
      .when(startFrom("b"))
      .refuses("SNAPSHOT_NOT_FOUND", { domain: "vm", snapshot: "b" }, /snapshot-list vm/);
  });
});

describe("unsaved changes", () => {
  const dirty = [domainDefined(["vda", "vdb"]), created("a"), created("b"), written("vdb")];
  const autosave = "autosave-20260324T131646Z";

  test("become an automatic snapshot, inside the very event that moves the heads", () => {
    const then = given(...dirty)
      .when(startFrom("a"))
      .does("HeadsMoved", {
        autosave: { name: autosave, automatic: true, state: "off", memory: null, parent: { name: "b" } },
        destroyed: [],
      })
      .shows({})
      .leaves(`a*(b(${autosave}))`);
    expect(then.accepted.plan.removes, "nothing is copied and nothing goes").toEqual([]);
  });

  test("on one disk make all disks' heads layers of the autosave", () => {
    given(...dirty)
      .when(startFrom("a"))
      .and((state) => {
        const bytes = layersOf(state, namedSnapshot(state, autosave)).map(({ file }) => file.bytes);
        expect(bytes).toEqual([sizes.overlay, sizes.overlay + block]);
      });
  });

  test("are a new size alone as well", () => {
    given(domainDefined(), created("a"), resized(block))
      .when(startFrom("a"))
      .leaves(`a*(${autosave})`)
      .and((state) => {
        expect(layersOf(state, namedSnapshot(state, autosave))[0]?.file.virtualBytes).toBe(sizes.base + block);
      });
  });

  test("made straight on the base are saved as a root", () => {
    given(domainDefined(), created("a"), deactivated("a"), written()).when(startFrom("a")).leaves(`a* ${autosave}`);
  });

  test("saved twice in one second get two names", () => {
    given(...dirty, startedFrom("a"), written("vda"))
      .when(startFrom("b"))
      .leaves(`a(${autosave}-2 b*(${autosave}))`);
  });

  test("get a name of their own also where a user took it", () => {
    given(domainDefined(), created(autosave), written())
      .when(startFrom(autosave))
      .leaves(`${autosave}*(${autosave}-2)`);
  });

  test("are dropped only with --discard-changes, and listed with their bytes", () => {
    const then = given(...dirty)
      .when(startFrom("a", discardChanges))
      .shows({ destroyed: ["dirty heads"] })
      .does("HeadsMoved", { autosave: null, destroyed: [{ kind: "heads", bytes: 2 * sizes.overlay + block }] })
      .leaves("a*(b)");
    expect(then.accepted.plan.removes).toHaveLength(2);
  });

  test("that are not there are not dropped by --discard-changes", () => {
    given(domainDefined(), createdWritten("a"))
      .when(startFrom("a", discardChanges))
      .shows({})
      .does("HeadsMoved", { autosave: null, destroyed: [] });
  });
});
