import type { Command, CompactDomain, RecoverDomain } from "../../events/command.ts";
import type { DomainState } from "../../projections/state.ts";
import { createWithSnapshot } from "./create-with-snapshot.ts";
import { createSnapshot } from "./create.ts";
import { deactivateSnapshot } from "./deactivate.ts";
import type { Accepted, Facts, Ids } from "./decision.ts";
import { Refused } from "./decision.ts";
import { defineDomain } from "./define.ts";
import { discardSnapshot } from "./discard.ts";
import { destroyDomain, resumeDomain, shutdownDomain, startDomain, suspendDomain } from "./guest.ts";
import { mergeSnapshot } from "./merge.ts";
import { undefineDomain } from "./undefine.ts";

/** Commands that a rule decides; the others only bring files to what the log says already. */
export type DecidedCommand = Exclude<Command, CompactDomain | RecoverDomain>;

/** Pure: what the command would do, or throws Refused (see `decide`). */
export function ruleOf(state: DomainState, facts: Facts, command: Command, ids: Ids): Accepted {
  if (facts.unseen) throw new Refused(facts.unseen);
  switch (command.type) {
    case "DefineDomain":
      return defineDomain(state, facts, command, ids);
    case "UndefineDomain":
      return undefineDomain(state, facts, command);
    case "CreateSnapshot":
      return createSnapshot(state, facts, command, ids);
    case "CreateWithSnapshot":
      return createWithSnapshot(state, facts, command, ids);
    case "DeactivateSnapshot":
      return deactivateSnapshot(state, facts, command, ids);
    case "MergeSnapshot":
      return mergeSnapshot(state, facts, command, ids);
    case "DiscardSnapshot":
      return discardSnapshot(state, facts, command, ids);
    case "StartDomain":
      return startDomain(state, facts, command);
    case "DestroyDomain":
      return destroyDomain(state, facts);
    case "ShutdownDomain":
      return shutdownDomain(state, facts);
    case "SuspendDomain":
      return suspendDomain(state, facts);
    case "ResumeDomain":
      return resumeDomain(state, facts);
    case "CompactDomain":
    case "RecoverDomain":
      throw new Error(`${command.type} has no rule: it follows the log`);
  }
}
