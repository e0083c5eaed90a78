import type { EventRecord } from "../../events/events.ts";
import { anonymous, bytesOf, depthOf, garbage, headOf } from "../layers.ts";
import type { DomainState, Snapshot } from "../state.ts";

/** What a condition is asked about: a domain's state, and the event that led to it. */
export interface Scope {
  readonly state: DomainState;
  /** null where there is none, as in a bisection. */
  readonly event: EventRecord | null;
}

export type Value = string | number | boolean | null | readonly string[];
export type Kind = "text" | "number" | "flag" | "list" | "nothing";

export interface Field<Of> {
  readonly kind: Kind;
  readonly what: string;
  readonly of: (from: Of) => Value;
}

const text = <Of>(what: string, of: (from: Of) => string | null): Field<Of> => ({ kind: "text", what, of });
const number = <Of>(what: string, of: (from: Of) => number | null): Field<Of> => ({ kind: "number", what, of });
const flag = <Of>(what: string, of: (from: Of) => boolean | null): Field<Of> => ({ kind: "flag", what, of });

function many(state: DomainState, passes: (snapshot: Snapshot) => boolean): number {
  let found = 0;
  for (const snapshot of state.snapshots.values()) if (passes(snapshot)) found++;
  return found;
}

/** By name. The list is closed: nothing else of the state can be reached. */
export const stateFields: ReadonlyMap<string, Field<DomainState>> = new Map<string, Field<DomainState>>([
  ["name", text("the domain's name", ({ name }) => name)],
  ["defined", flag("the domain is defined", ({ defined }) => defined)],
  ["guest", text('"running", "paused" or "off"', ({ guest }) => guest)],
  ["driver", text('"qemu" or "memory"', ({ driver }) => driver)],
  ["revision", number("events of the domain so far", ({ revision }) => revision)],
  ["current", text("the current snapshot's name", ({ current, snapshots }) => nameOf(snapshots, current))],
  ["operation", text("the command without an outcome yet", ({ operation }) => operation?.command.type ?? null)],
  ["depth", number("layers between the head and the base image, of the deepest disk", depthOfHeads)],
  ["snapshots.count", number("how many there are", ({ snapshots }) => snapshots.size)],
  ["snapshots.names", { kind: "list", what: "their names", of: ({ byName }) => [...byName.keys()] }],
  ["snapshots.roots", number("how many have no parent", (state) => many(state, ({ parent }) => parent === null))],
  ["snapshots.leaves", number("how many have no children", leavesOf)],
  ["snapshots.automatic", number("how many were taken unasked", (state) => many(state, (one) => one.automatic))],
  ["snapshots.inactive", number("how many are set aside", (state) => many(state, (one) => !one.active))],
  ["snapshots.bytes", number("bytes of their own layers and memory", bytesOfAll)],
  ["layers.count", number("files in the layer graph", ({ layers }) => layers.size)],
  ["layers.anonymous", number("folds to be done", (state) => anonymous(state).length)],
  ["layers.garbage", number("files that nothing refers to", (state) => garbage(state).length)],
]);

/** Of `snapshot("name")`: null when there is none of that name. */
export const snapshotFields: ReadonlyMap<string, Field<{ state: DomainState; snapshot: Snapshot }>> = new Map([
  ["parent", text("its parent's name", ({ state, snapshot }) => nameOf(state.snapshots, snapshot.parent))],
  ["state", text("the guest's state when it was taken", ({ snapshot }) => snapshot.state)],
  ["active", flag("not set aside", ({ snapshot }) => snapshot.active)],
  ["automatic", flag("taken unasked", ({ snapshot }) => snapshot.automatic)],
  ["children", number("how many stand on it", ({ state, snapshot }) => state.children.get(snapshot.id)?.size ?? 0)],
  ["bytes", number("bytes of its own layers and memory", ({ state, snapshot }) => bytesOf(state, snapshot))],
  ["user", text("who took it", ({ snapshot }) => snapshot.actor.user)],
  ["reason", text("why", ({ snapshot }) => snapshot.reason)],
]);

/** Of the event just applied. */
export const eventFields: ReadonlyMap<string, Field<EventRecord>> = new Map<string, Field<EventRecord>>([
  ["event.type", text("such as SnapshotMerged", ({ type }) => type)],
  ["event.position", number("its place in the log", ({ position }) => position)],
  ["event.time", text("ISO 8601 UTC", ({ time }) => time)],
  ["event.user", text("who did it", ({ actor }) => actor.user)],
  ["event.reason", text("why", ({ reason }) => reason)],
  ["event.ticket", text("for which ticket", ({ ticket }) => ticket)],
  ["event.operation", text("the operation's id", ({ operation }) => operation)],
  ["event.rule", text("the code of the rule that refused", ruleOf)],
]);

function nameOf(snapshots: ReadonlyMap<string, Snapshot>, id: string | null): string | null {
  return id === null ? null : (snapshots.get(id)?.name ?? null);
}

function depthOfHeads(state: DomainState): number {
  return Math.max(0, ...state.disks.map((target) => depthOf(state, headOf(state, target).id) - 1));
}

function leavesOf(state: DomainState): number {
  return many(state, ({ id }) => (state.children.get(id)?.size ?? 0) === 0);
}

function bytesOfAll(state: DomainState): number {
  let bytes = 0;
  for (const snapshot of state.snapshots.values()) bytes += bytesOf(state, snapshot);
  return bytes;
}

function ruleOf(event: EventRecord): string | null {
  return event.type === "CommandRejected" || event.type === "OperationFailed" ? event.data.code : null;
}
