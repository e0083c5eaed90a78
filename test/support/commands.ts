import type { Command, CreateSnapshot, CreateWithSnapshot } from "../../src/events/command.ts";

/** Commands with the options that tests leave as they are. */

export function snapshotting(domain: string, name: string, options: Partial<CreateSnapshot> = {}): CreateSnapshot {
  const defaults = { description: "", compression: null, offline: true, diskOnly: false };
  return { type: "CreateSnapshot", domain, name, ...defaults, ...options };
}

export function starting(
  domain: string,
  snapshot: string,
  options: Partial<CreateWithSnapshot> = {},
): CreateWithSnapshot {
  return { type: "CreateWithSnapshot", domain, snapshot, start: false, discardChanges: false, ...options };
}

type Deactivation = "DeactivateSnapshot" | "MergeSnapshot" | "DiscardSnapshot";

export function deactivation(
  type: Deactivation,
  domain: string,
  snapshot: string,
  { force = false, discardChanges = false }: { force?: boolean; discardChanges?: boolean } = {},
): Command {
  if (type === "DeactivateSnapshot") return { type, domain, snapshot, discardChanges };
  return { type, domain, snapshot, discardChanges, force };
}

/** `merge b force`: how a test names a case. */
export function told(command: Command): string {
  const what = "snapshot" in command ? command.snapshot : "name" in command ? (command.name ?? "") : "";
  const flags = [
    ...("force" in command && command.force ? ["force"] : []),
    ...("discardChanges" in command && command.discardChanges ? ["discard-changes"] : []),
  ];
  return [command.type, what, ...flags].join(" ");
}
