import { describe, expect, it } from "vitest";
import type { Caller, Connection } from "../../../src/connection/api.ts";
import {
  createWithSnapshot,
  deactivate,
  DeactivateFlags,
  domainLookupByName,
  getXMLDesc,
  isSnapledgerError,
  listSnapshotNames,
  snapshotCreateXML,
  snapshotLookupByName,
  snapshotNum,
  StartFlags,
} from "../../../src/index.ts";
import type { DomainHandle, SnapshotHandle } from "../../../src/index.ts";
import { Inside } from "../../support/in-process-cli.ts";

const caller: Caller = {
  ...{ user: "ann", uid: 1000, loginUid: 1000, sudoUser: null, host: "h", via: "library" },
  ...{ knownBy: "claimed", pid: 1 },
};
const offline = 1;

async function demo(): Promise<{ connection: Connection; domain: DomainHandle }> {
  const inside = new Inside();
  await inside.ok("define", "--driver", "memory", "--name", "demo", "--disk", "vda=/x");
  return { connection: inside.connection, domain: await domainLookupByName(inside.connection, "demo") };
}

function take(domain: DomainHandle, name: string): Promise<SnapshotHandle> {
  return snapshotCreateXML(domain, `<domainsnapshot><name>${name}</name></domainsnapshot>`, offline, caller);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (isSnapledgerError(error)) return error.code;
    throw error;
  }
  return "done";
}

describe("a handle to a snapshot", () => {
  it("is not taken for another snapshot that has its name by now", async () => {
    const { connection, domain } = await demo();
    const first = await take(domain, "twin");
    await deactivate(await snapshotLookupByName(domain, "twin", 0), DeactivateFlags.DISCARD, caller);
    const second = await take(domain, "twin");
    const { position } = await connection.head();
    for (const request of [{}, { plan: true }]) {
      for (const flags of Object.values(DeactivateFlags)) {
        expect(await codeOf(deactivate(first, flags, caller, request))).toBe("SNAPSHOT_NOT_FOUND");
      }
      const start = createWithSnapshot(first, StartFlags.NO_START, caller, request);
      expect(await codeOf(start)).toBe("SNAPSHOT_NOT_FOUND");
    }
    expect(await codeOf(getXMLDesc(first, 0))).toBe("SNAPSHOT_NOT_FOUND");
    expect(await connection.head()).toMatchObject({ position });
    expect(await getXMLDesc(second, 0)).toContain("<name>twin</name>");
    await createWithSnapshot(second, StartFlags.NO_START, caller);
    await deactivate(second, DeactivateFlags.DISCARD, caller);
    expect(await listSnapshotNames(domain, 0)).toEqual([]);
  });

  it("is told again what a command id did with it, though another has its name", async () => {
    const { domain } = await demo();
    const first = await take(domain, "twin");
    await deactivate(first, DeactivateFlags.DISCARD, caller, { commandId: "once" });
    await take(domain, "twin");
    const again = await deactivate(first, DeactivateFlags.DISCARD, caller, { commandId: "once" });
    expect([again.repeated, await listSnapshotNames(domain, 0)]).toEqual([true, ["twin"]]);
  });
});

it.each([2 ** 32, 2 ** 32 + 1, 2 ** 53, 4, 8, -1, 0.5, NaN])("flags %d are known to no function", async (flags) => {
  const { domain } = await demo();
  const snapshot = await take(domain, "a");
  for (const call of [
    snapshotCreateXML(domain, "<domainsnapshot/>", flags, caller),
    getXMLDesc(snapshot, flags),
    snapshotNum(domain, flags),
    listSnapshotNames(domain, flags),
    snapshotLookupByName(domain, "a", flags),
    createWithSnapshot(snapshot, flags, caller),
    deactivate(snapshot, flags === 4 || flags === 8 ? 3 : flags, caller),
  ]) {
    expect(await codeOf(call)).toBe("INVALID_FLAGS");
  }
  expect(await snapshotNum(domain, 0)).toBe(1);
});

it("XML that is no Unicode is refused, and where", async () => {
  const { domain } = await demo();
  const error: unknown = await take(domain, "a\ud800b").catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "INVALID_XML", facts: { line: 1, column: 24 } });
  expect(await snapshotNum(domain, 0)).toBe(0);
});
