import { SnapledgerError } from "../errors.ts";
import { CreateFlags, DeactivateFlags } from "../events/command.ts";
import type { Command } from "../events/command.ts";
import type { Caller, Connection, Outcome, Request } from "./api.ts";
import { anotherSnapshot } from "../projections/views/views.ts";
import { encodeXml } from "../xml/decode.ts";
import { parseDomainSnapshot } from "../xml/domainsnapshot.ts";
import { writeDomainSnapshot } from "../xml/domainsnapshot.ts";

/**
 * The functions of the RFC, in its order and under its names without the `virDomain` prefix, over a Connection. What
 * changes something takes who asks and may take a Request; unknown flags are INVALID_FLAGS.
 */

/** Flags of `getXMLDesc`. LIBVIRT: the form that libvirt's own schema accepts today. */
export const XMLFlags = { NONE: 0, LIBVIRT: 1 } as const;
/** Flags of `createWithSnapshot`. DISCARD_CHANGES: unsaved changes in the heads are dropped instead of kept. */
export const StartFlags = { NONE: 0, NO_START: 1, DISCARD_CHANGES: 2 } as const;

/** A handle to a domain: it stays good when the domain is renamed or gains snapshots. */
export interface DomainHandle {
  readonly connection: Connection;
  readonly id: string;
  readonly name: string;
}

/** A handle to a snapshot of one domain, until `free`. SNAPSHOT_NOT_FOUND once it is gone, also when another has its name. */
export interface SnapshotHandle {
  readonly domain: DomainHandle;
  readonly id: string;
  readonly name: string;
}

/** virDomainLookupByName. DOMAIN_NOT_FOUND. */
export async function domainLookupByName(connection: Connection, name: string): Promise<DomainHandle> {
  const { id } = await connection.domain(name);
  return { connection, id, name };
}

/** virDomainSnapshotCreateXML: `xml` may be no more than `<domainsnapshot/>`. Flags: CreateFlags. */
export async function snapshotCreateXML(
  domain: DomainHandle,
  xml: string,
  flags: number,
  caller: Caller,
  request?: Request,
): Promise<SnapshotHandle> {
  checkFlags(flags, CreateFlags);
  const fields = parseDomainSnapshot(encodeXml(xml));
  const command: Command = {
    type: "CreateSnapshot",
    domain: domain.id,
    ...fields,
    offline: hasFlag(flags, CreateFlags.OFFLINE),
    diskOnly: hasFlag(flags, CreateFlags.DISK_ONLY),
  };
  const { snapshot } = await domain.connection.execute(command, caller, request);
  if (!snapshot) throw new Error("a snapshot was created, but not named");
  return { domain, ...snapshot };
}

/** virDomainSnapshotGetXMLDesc. Flags: XMLFlags. */
export async function getXMLDesc(snapshot: SnapshotHandle, flags: number): Promise<string> {
  checkFlags(flags, XMLFlags);
  const { connection, id } = inUse(snapshot).domain;
  const info = await connection.snapshot(id, snapshot.name);
  if (info.id !== snapshot.id) throw anotherSnapshot(info.domain.name, info.name);
  const form = hasFlag(flags, XMLFlags.LIBVIRT) ? "libvirt" : "rfc";
  return writeDomainSnapshot(info, form, await connection.domain(id));
}

/** virDomainSnapshotNum. */
export async function snapshotNum(domain: DomainHandle, flags: number): Promise<number> {
  checkFlags(flags, {});
  return (await domain.connection.domain(domain.id)).snapshots;
}

/** virDomainListSnapshotNames, by name. */
export async function listSnapshotNames(domain: DomainHandle, flags: number): Promise<string[]> {
  checkFlags(flags, {});
  return (await domain.connection.snapshots(domain.id)).map(({ name }) => name);
}

/** virDomainSnapshotLookupByName. SNAPSHOT_NOT_FOUND. */
export async function snapshotLookupByName(domain: DomainHandle, name: string, flags: number): Promise<SnapshotHandle> {
  checkFlags(flags, {});
  const { id } = await domain.connection.snapshot(domain.id, name);
  return { domain, id, name };
}

/** virDomainCreateWithSnapshot: "Start the guest from the snapshot". Flags: StartFlags. */
export async function createWithSnapshot(
  snapshot: SnapshotHandle,
  flags: number,
  caller: Caller,
  request?: Request,
): Promise<Outcome> {
  checkFlags(flags, StartFlags);
  const { domain, id, name } = inUse(snapshot);
  const command: Command = {
    ...{ type: "CreateWithSnapshot", domain: domain.id, snapshot: name },
    start: !hasFlag(flags, StartFlags.NO_START),
    discardChanges: hasFlag(flags, StartFlags.DISCARD_CHANGES),
  };
  return domain.connection.execute(command, caller, { ...request, expectSnapshot: id });
}

/** virDomainSnapshotDeactivate. Flags: DeactivateFlags, at most one of them. */
export async function deactivate(
  snapshot: SnapshotHandle,
  flags: number,
  caller: Caller,
  request?: Request,
): Promise<Outcome> {
  const { domain, id, name } = inUse(snapshot);
  const command = deactivation({ domain: domain.id, snapshot: name, discardChanges: false }, flags);
  return domain.connection.execute(command, caller, { ...request, expectSnapshot: id });
}

/** virDomainSnapshotFree: the handle is not to be used any more. The snapshot stays. */
export function free(snapshot: SnapshotHandle): void {
  freed.add(snapshot);
}

/** The command that the flags of virDomainSnapshotDeactivate ask for. "… are mutually-exclusive": INVALID_FLAGS. */
export function deactivation(
  which: { readonly domain: string; readonly snapshot: string; readonly discardChanges: boolean },
  flags: number,
): Command {
  switch (flags) {
    case DeactivateFlags.NONE:
      return { type: "DeactivateSnapshot", ...which };
    case DeactivateFlags.MERGE:
    case DeactivateFlags.MERGE_FORCE:
      return { type: "MergeSnapshot", ...which, force: flags === DeactivateFlags.MERGE_FORCE };
    case DeactivateFlags.DISCARD:
    case DeactivateFlags.DISCARD_FORCE:
      return { type: "DiscardSnapshot", ...which, force: flags === DeactivateFlags.DISCARD_FORCE };
    default:
      throw new SnapledgerError(
        "INVALID_FLAGS",
        `The flags ${flags} are not one of MERGE, MERGE_FORCE, DISCARD, DISCARD_FORCE.`,
        {
          facts: { flags },
          hint: "They are mutually exclusive: pass one of them, or 0.",
        },
      );
  }
}

const freed = new WeakSet<SnapshotHandle>();

function inUse(snapshot: SnapshotHandle): SnapshotHandle {
  if (!freed.has(snapshot)) return snapshot;
  throw new SnapledgerError("USAGE", `The handle to snapshot "${snapshot.name}" was freed.`, {
    hint: "Look the snapshot up again.",
  });
}

function checkFlags(flags: number, known: Readonly<Record<string, number>>): void {
  const all = Object.values(known).reduce((sum, flag) => sum | flag, 0);
  // `&` sees 32 bits alone.
  if (Number.isInteger(flags) && flags >= 0 && flags <= all && (flags & ~all) === 0) return;
  throw new SnapledgerError("INVALID_FLAGS", `The flags ${flags} are not known here.`, {
    facts: { flags, known },
    hint: "Pass 0, or a sum of the flags that this function names.",
  });
}

function hasFlag(flags: number, flag: number): boolean {
  return (flags & flag) !== 0;
}
