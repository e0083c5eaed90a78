/** The library's face: a Connection to a store, plain JSON in and out, and the RFC's functions on top. */
export { connect, init } from "./connection.ts";
export { restore, salvage } from "./upkeep.ts";
export { exitStatusOf, isSnapledgerError, SnapledgerError } from "./errors.ts";
export type { ErrorCode } from "./errors.ts";
export { CreateFlags, DeactivateFlags } from "./events/command.ts";
export type * from "./events/command.ts";
export type * from "./events/events.ts";
export type { LogHead, StoredRecord } from "./events/log.ts";
export { limits } from "./events/log.ts";
export type * from "./events/plan.ts";
export type * from "./events/records.ts";
export type * from "./face.ts";
export { explain, explainOperation } from "./projections/explain.ts";
export { apply } from "./projections/domain.ts";
export { emptyState } from "./projections/state.ts";
export { clone, compare } from "./projections/compare.ts";
export type { DomainState } from "./projections/state.ts";
export * from "./rfc.ts";
