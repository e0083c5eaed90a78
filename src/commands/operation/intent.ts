import type { SnapledgerError } from "../../errors.ts";
import { isSnapledgerError } from "../../errors.ts";
import type { StepOptions } from "../../drivers/driver.ts";
import type { Command } from "../../events/command.ts";
import type { RecordedFacts } from "../../events/events.ts";
import type { AppendOptions } from "../../events/log.ts";
import type { Accepted, Facts } from "../rules/decision.ts";
import { gatherFacts } from "../facts/gather.ts";
import { commandIdFreeAt } from "./command-id.ts";
import { decide } from "../rules/rules.ts";
import type { Operation } from "../context.ts";

/** How often a decision is made again because other domains' events came between it and its append. */
const attempts = 20;

/** Decides, and appends the intent, or the refusal, at the very position it was decided on. */
export async function recordIntent(operation: Operation, command: Command, watch: StepOptions): Promise<Accepted> {
  for (let attempt = 1; ; attempt++) {
    const { facts, position: decidedAt } = await gatherFacts(operation, command, watch);
    const freeAt = await commandIdFreeAt(operation, command);
    const position = decidedAt ?? freeAt;
    const ids: string[] = [];
    const newId = () => {
      const id = operation.context.newId();
      ids.push(id);
      return id;
    };
    const decision = decide(operation.state, facts, command, { newId });
    const expected = position === null ? {} : { expectedPosition: position };
    try {
      if ("refused" in decision) {
        return await recordRejection(operation, command, facts, decision.refused, freeAt === null ? {} : expected);
      }
      const { accepted } = decision;
      const data = { command, facts: recorded(facts), ids, plan: accepted.plan };
      await operation.append({ type: "OperationStarted", schema: 1, data }, expected);
      return accepted;
    } catch (error) {
      if (!isSnapledgerError(error, "REVISION_CONFLICT") || position === null || attempt === attempts) throw error;
      // What came between is not seen before it is on disk.
      await operation.context.log.use((log) => log.append([]));
    }
  }
}

async function recordRejection(
  operation: Operation,
  command: Command,
  facts: Facts,
  error: SnapledgerError,
  expected: AppendOptions,
): Promise<never> {
  const { code, message, facts: errorFacts, hint = null } = error;
  // A refusal on a domain that does not exist yet has no history to be part of.
  if (operation.state.defined) {
    const data = { command, facts: recorded(facts), code, message, errorFacts, hint };
    error.position = (await operation.append({ type: "CommandRejected", schema: 1, data }, expected)).position;
  }
  throw error;
}

/** Facts are plain JSON; the log keeps them without knowing their shape. */
function recorded(facts: Facts): RecordedFacts {
  return { ...facts };
}
