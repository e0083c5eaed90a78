import type { Actor, NewEvent } from "../../src/events/events.ts";

/** Events for tests of the log, which does not care what they mean. */
export const actor: Actor = {
  user: "ana",
  uid: 1000,
  loginUid: 1000,
  sudoUser: null,
  host: "hv1",
  via: "library",
  knownBy: "process",
};

const envelope = { actor, reason: null, ticket: null, operation: null, commandId: null };

export function stopped(domain: string): NewEvent {
  return { ...envelope, domain, type: "DomainStopped", schema: 1, data: { cause: "destroyed" } };
}

/** Holds any JSON in its facts. */
export function rejected(domain: string, facts: Readonly<Record<string, unknown>>): NewEvent {
  const command = { type: "CompactDomain", domain: "web" } as const;
  const refusal = { code: "UNSUPPORTED", message: "No.", errorFacts: {}, hint: null } as const;
  return { ...envelope, domain, type: "CommandRejected", schema: 1, data: { command, facts, ...refusal } };
}
