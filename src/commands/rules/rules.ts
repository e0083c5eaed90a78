import { isSnapledgerError } from "../../errors.ts";
import type { Command, CompactDomain, RecoverDomain } from "../../events/command.ts";
import type { DomainState } from "../../projections/state.ts";
import { createWithSnapshot } from "./create-with-snapshot.ts";
import { createSnapshot } from "./create.ts";
import { deactivateSnapshot } from "./deactivate.ts";
import type { Decision, Facts, Ids } from "./decision.ts";
import { refuse } from "./decision.ts";
import { defineDomain } from "./define.ts";
import { destroyDomain } from "./destroy.ts";
import { discardSnapshot } from "./discard.ts";
import { mergeSnapshot } from "./merge.ts";
import { resumeDomain } from "./resume.ts";
import type { CommandRule } from "./rule.ts";
import { shutdownDomain } from "./shutdown.ts";
import { startDomain } from "./start.ts";
import { suspendDomain } from "./suspend.ts";
import { undefineDomain } from "./undefine.ts";

/** Commands that a rule decides; the others only bring files to what the log says already. */
export type DecidedCommand = Exclude<Command, CompactDomain | RecoverDomain>;

const rules: { readonly [C in DecidedCommand as C["type"]]: CommandRule<C> } = {
  DefineDomain: defineDomain,
  UndefineDomain: undefineDomain,
  CreateSnapshot: createSnapshot,
  CreateWithSnapshot: createWithSnapshot,
  DeactivateSnapshot: deactivateSnapshot,
  MergeSnapshot: mergeSnapshot,
  DiscardSnapshot: discardSnapshot,
  StartDomain: startDomain,
  DestroyDomain: destroyDomain,
  ShutdownDomain: shutdownDomain,
  SuspendDomain: suspendDomain,
  ResumeDomain: resumeDomain,
};

const byType = new Map<string, unknown>(Object.entries(rules));

export function isDecided(command: Command): command is DecidedCommand {
  return byType.has(command.type);
}

export function ruleOf(command: Command): CommandRule<Command> {
  if (!isDecided(command)) throw new Error(`${command.type} has no rule: it follows the log`);
  return byType.get(command.type) as CommandRule<Command>;
}

/** A command's yes or no. Pure. */
export function decide(state: DomainState, facts: Facts, command: Command, ids: Ids): Decision {
  const rule = ruleOf(command);
  try {
    const { unseen } = facts;
    if (unseen) refuse(unseen.code, unseen.message, unseen.hint, unseen.facts);
    rule.permit(state, facts, command);
  } catch (error) {
    if (isSnapledgerError(error)) return { refused: error };
    throw error;
  }
  return { accepted: rule.decide(state, facts, command, ids) };
}
