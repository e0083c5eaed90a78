import { SnapledgerError } from "../../errors.ts";
import type { DomainEvent } from "../../events/events.ts";
import type { GuestState } from "../../events/records.ts";
import { currentOf, headPaths, refOrNull } from "../rules/heads.ts";
import type { Operation } from "../context.ts";

/** Records what became of the guest behind the log's back: it died, was started by a command that died, stands still. */
export async function noticeGuest(operation: Operation, found: string[]): Promise<void> {
  const { driver, state } = operation;
  if (!state.defined) return;
  const seen = await driver.guestState(state.id);
  const now = seen === "off" || (await hasEnded(operation)) ? "off" : seen;
  if (now === state.guest) return;
  await operation.append(noticed(operation, now));
  found.push(sentences[now]);
}

const sentences: Readonly<Record<GuestState, string>> = {
  off: "The guest had stopped by itself.",
  paused: "The guest was found paused.",
  running: "The guest was found running.",
};

function noticed({ state }: Operation, now: GuestState): DomainEvent {
  if (now === "off") return { type: "DomainStopped", schema: 1, data: { cause: "observed" } };
  if (state.guest === "off") {
    const from = refOrNull(currentOf(state));
    // Whether it booted or resumed is not to be seen any more.
    const data = { from, state: now, memoryLoaded: false, observed: true } as const;
    return { type: "DomainStarted", schema: 1, data };
  }
  return { type: now === "paused" ? "DomainSuspended" : "DomainResumed", schema: 1, data: { cause: "observed" } };
}

/**
 * Whether a guest that ran a moment ago is off by now. One that writes to other files than the log's heads belongs to
 * another history, such as one put back since: NEEDS_OPERATOR.
 */
async function hasEnded({ driver, state }: Operation): Promise<boolean> {
  const used = await driver.guestHeads(state.id);
  if (used.length === 0) return true;
  const heads = headPaths(state);
  if (used.length === heads.length && heads.every((path) => used.includes(path))) return false;
  const message = `The guest of "${state.name}" runs on other files than the log says: ${used.join(", ")}.`;
  throw new SnapledgerError("NEEDS_OPERATOR", message, {
    facts: { domain: state.name, used, heads },
    hint: "Was an old copy of the store put back? Stop the guest from inside, keep those files, and look at the log.",
  });
}
