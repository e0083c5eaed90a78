import { describe, expect, test } from "vitest";
import type { NewSnapshot } from "../../src/events/records.ts";
import { layersOf } from "../../src/projections/layers.ts";
import { namedSnapshot } from "../../src/projections/views/views.ts";
import {
  compacted,
  create,
  created,
  createdWritten,
  domainDefined,
  driverWith,
  given,
  later,
  merged,
  resized,
  running,
  startedFrom,
  stopped,
  written,
} from "./given.ts";
import type { Then } from "./given.ts";
import { block, sizes } from "./scenario.ts";

const offline = { offline: true } as const;

function snapshotOf(then: Then): NewSnapshot {
  const { event } = then;
  return event.type === "SnapshotCreated" ? event.data.snapshot : expect.unreachable(event.type);
}

describe("a snapshot of a stopped domain", () => {
  test('is an error, as the RFC says: "Throws an error if the VM is not currently running"', () => {
    given(domainDefined())
      .when(create("a"))
      .refuses("DOMAIN_NOT_RUNNING", { domain: "vm" }, /--offline/);
  });

  test("is allowed by OFFLINE, and is off, without memory", () => {
    given(domainDefined())
      .when(create("a", offline))
      .does("SnapshotCreated", { snapshot: { name: "a", state: "off", memory: null, automatic: false, parent: null } })
      .leaves("a*");
  });
});

test.each([
  ["has no memory to save, whatever the driver can", offline],
  ["is off also when only its disks are wanted", { ...offline, diskOnly: true }],
])("a snapshot of a stopped domain %s", (_, how) => {
  given(domainDefined(), driverWith({ memory: false }))
    .when(create("a", how))
    .does("SnapshotCreated", { snapshot: { state: "off", memory: null } })
    .leaves("a*");
});

describe("a snapshot of a running domain", () => {
  test("holds its memory, saved at the instant its disks are frozen", () => {
    const then = given(domainDefined(["vda", "vdb"]), running()).when(create("a"));
    then.does("SnapshotCreated", { snapshot: { state: "running", memory: { bytes: sizes.memory } } });
    const steps = then.accepted.plan.steps.map(({ step }) => step);
    expect(steps, "one freeze for all disks, on overlays made before").toEqual(["overlay", "overlay", "freeze"]);
  });

  describe("with --quiesce", () => {
    const quiesced = (options: object = {}) => create("a", { diskOnly: true, quiesce: true, ...options });

    test("is refused without an agent, and it says what it is then", () => {
      given(domainDefined(), running())
        .when(quiesced())
        .refuses("UNSUPPORTED", {}, /^Define it with --guest-agent .*as after a power cut\.$/);
    });

    test("is refused while the guest cannot answer: it is paused, or off", () => {
      given(domainDefined(["vda"], undefined, { guestAgent: true }), running(true))
        .when(quiesced())
        .refuses("UNSUPPORTED", {}, /^Let it run first: `snapledger resume /);
      given(domainDefined(["vda"], undefined, { guestAgent: true }))
        .when(quiesced({ offline: true }))
        .refuses("UNSUPPORTED", {}, /^Leave --quiesce out: a guest that was shut down /);
    });

    test("is refused with a memory, which would be resumed with its file systems frozen", () => {
      given(domainDefined(["vda"], undefined, { guestAgent: true }), running())
        .when(quiesced({ diskOnly: false }))
        .refuses("UNSUPPORTED", {}, /^Pass --disk-only with it, /);
    });

    test("has the agent asked in the step that freezes, and says so in the event", () => {
      const then = given(domainDefined(["vda"], undefined, { guestAgent: true }), running()).when(quiesced());
      expect(then.accepted.plan.steps.at(-1)).toMatchObject({ step: "freeze", quiesce: true });
      then.does("SnapshotCreated", { quiesced: true, snapshot: { state: "disk-snapshot" } });
    });
  });

  test("that is paused stays known as paused", () => {
    given(domainDefined(), running(true))
      .when(create("a"))
      .does("SnapshotCreated", { snapshot: { state: "paused" } });
  });

  test.each([false, true])("is a disk-snapshot without memory if only its disks are wanted (paused: %s)", (paused) => {
    given(domainDefined(), running(paused))
      .when(create("a", { diskOnly: true }))
      .does("SnapshotCreated", { snapshot: { state: "disk-snapshot", memory: null } });
  });

  test("is refused where the driver cannot save memory, and --disk-only passes", () => {
    const domain = given(domainDefined(), running(), driverWith({ memory: false }));
    domain.when(create("a")).refuses("UNSUPPORTED", { driver: "memory" }, /--disk-only/);
    domain.when(create("a", { diskOnly: true })).leaves("a*");
  });

  test("may be taken with OFFLINE too: it only allows what is stopped", () => {
    given(domainDefined(), running())
      .when(create("a", offline))
      .does("SnapshotCreated", { snapshot: { state: "running", memory: { bytes: sizes.memory } } });
  });
});

describe("the heads", () => {
  test("become the snapshot's layers, and empty overlays on these the heads", () => {
    given(domainDefined(["vda", "vdb"]), written("vda"))
      .when(create("a", offline))
      .and((state) => {
        const [vda, vdb] = layersOf(state, namedSnapshot(state, "a"));
        expect(vda?.file.bytes).toBe(sizes.overlay + block);
        expect(vdb?.file.bytes).toBe(sizes.overlay);
        expect(state.layers.get(state.heads["vda"] ?? "")?.backing).toBe(vda?.id);
        expect(state.layers.get(state.heads["vdb"] ?? "")?.backing).toBe(vdb?.id);
      });
  });

  test("that were resized are frozen at the new size, and so are the overlays", () => {
    const then = given(domainDefined(), resized(block)).when(create("a", offline));
    expect(then.accepted.plan.steps).toMatchObject([{ virtualBytes: sizes.base + block }]);
    expect(snapshotOf(then).layers).toMatchObject([{ virtualBytes: sizes.base + block }]);
  });

  test("lose nothing to a create: its sets are empty and no file goes", () => {
    const then = given(domainDefined(), created("a"), written()).when(create("b", offline)).shows({});
    expect(then.accepted.plan.removes).toEqual([]);
  });
});

describe("the parent", () => {
  test("is the current snapshot, and the new one becomes current", () => {
    given(domainDefined(), created("a"), created("b"))
      .when(create("c", offline))
      .does("SnapshotCreated", { snapshot: { parent: { name: "b" } } })
      .leaves("a(b(c*))");
  });

  test("is what was started from, not what was taken last", () => {
    given(domainDefined(), created("a"), created("b"), startedFrom("a")).when(create("c", offline)).leaves("a(b c*)");
  });
});

describe("the name", () => {
  test("must be free in the domain", () => {
    given(domainDefined(), created("a"))
      .when(create("a", offline))
      .refuses("SNAPSHOT_EXISTS", { snapshot: "a" }, /another name/);
  });

  test("of a snapshot that is gone is free again, and stands for another id", () => {
    const ids = new Set<string>();
    given(domainDefined(), created("a"), created("b"))
      .when(create("c", offline))
      .and((state) => ids.add(namedSnapshot(state, "b").id));
    given(domainDefined(), created("a"), created("b"), merged("b"), later())
      .when(create("b", offline))
      .and((state) => ids.add(namedSnapshot(state, "b").id));
    expect(ids.size).toBe(2);
  });

  test("is made up from the time when none is given", () => {
    given(domainDefined()).when(create(null, offline)).leaves("1774358206*");
  });

  test("is made up anew for a second snapshot in the same second", () => {
    given(domainDefined(), created(null), created(null))
      .when(create(null, offline))
      .leaves("1774358206(1774358206-2(1774358206-3*))");
  });
});

describe("compression", () => {
  test("copies each layer into a new file with the same backing, and the heads go", () => {
    const then = given(domainDefined(["vda", "vdb"]), created("a"), written()).when(
      create("b", { ...offline, compression: "zstd" }),
    );
    const { steps, removes, spaceBytes } = then.accepted.plan;
    expect(steps.map(({ step }) => step)).toEqual(["compress", "compress", "overlay", "overlay"]);
    expect(removes).toHaveLength(2);
    expect(spaceBytes, "as much as the heads hold").toBe(2 * sizes.overlay + block);
    expect(snapshotOf(then).layers).toMatchObject([
      { compression: "zstd", bytes: (sizes.overlay + block) / 2 },
      { compression: "zstd", bytes: sizes.overlay / 2 },
    ]);
    then.leaves("a(b*)");
  });

  test.each(["", "gzip", "zstd "])(
    '"%s", which the driver cannot do, is an error before anything happens',
    (method) => {
      given(domainDefined())
        .when(create("a", { ...offline, compression: method }))
        .refuses("UNSUPPORTED_COMPRESSION", { compression: method }, /zlib, zstd/);
    },
  );

  test("is an error with a driver that has none", () => {
    given(domainDefined(), driverWith({ compression: [] }))
      .when(create("a", { ...offline, compression: "zlib" }))
      .refuses("UNSUPPORTED_COMPRESSION", { compression: "zlib" }, /none/);
  });

  test.each([{ compression: "zstd" }, { compress: true }])(
    "of a guest that runs is of its memory alone, by zstd: %j",
    (asked) => {
      const then = given(domainDefined(), running()).when(create("a", asked));
      const { steps, removes } = then.accepted.plan;
      expect(steps).toMatchObject([{ step: "overlay" }, { step: "freeze", memoryCompression: "zstd" }]);
      expect(removes).toEqual([]);
      const { layers, memory } = snapshotOf(then);
      expect([layers[0]?.compression, memory?.compression]).toEqual([null, "zstd"]);
    },
  );

  test("without a method is of the layers by zlib when the guest is off", () => {
    const then = given(domainDefined()).when(create("a", { ...offline, compress: true }));
    expect(snapshotOf(then).layers).toMatchObject([{ compression: "zlib" }]);
  });

  test("of a guest that runs is refused by zlib, and for its disks alone", () => {
    given(domainDefined(), running())
      .when(create("a", { compression: "zlib", compress: true }))
      .refuses("UNSUPPORTED_COMPRESSION", { compression: "zlib" }, /--compress-method zstd/);
    given(domainDefined(), running(), driverWith({ memoryCompression: [] }))
      .when(create("a", { compress: true }))
      .refuses("UNSUPPORTED_COMPRESSION", { compression: "zstd" }, /^Leave --compress out/);
    for (const asked of [{ compression: "zlib" }, { compression: "zstd" }, { compress: true }]) {
      given(domainDefined(), running())
        .when(create("a", { ...asked, diskOnly: true }))
        .refuses("UNSUPPORTED_COMPRESSION", {}, /^Leave --compress out/);
    }
  });

  test("ends with a fold: the layer below is written to again", () => {
    const zlib = { compression: "zlib" };
    given(domainDefined(), created("a", zlib), createdWritten("b", zlib), merged("b"), compacted())
      .when(create("c", offline))
      .and((state) => {
        expect(layersOf(state, namedSnapshot(state, "a"))).toMatchObject([{ compression: null, generation: 1 }]);
      });
  });
});

test("a stopped guest can be snapshot like any stopped domain", () => {
  given(domainDefined(), running(), stopped()).when(create("a")).refuses("DOMAIN_NOT_RUNNING");
});
