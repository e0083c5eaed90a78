import type { Affected, Sets, SnapshotRef } from "../../events/records.ts";
import type { Command } from "../../events/command.ts";

/** The words that explain, plans and refusals share. User text goes in as it is: escaping is the face's job. */

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** `0 B`, `1.5 KiB`, `192 KiB`, `3 MiB`: one decimal below ten, none from there. */
export function formatBytes(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  let shown = size < 10 ? Math.round(size * 10) / 10 : Math.round(size);
  if (shown === 1024 && unit < units.length - 1) {
    shown = 1;
    unit++;
  }
  return `${shown} ${units[unit] ?? ""}`;
}

export function quoted({ name }: SnapshotRef): string {
  return `"${name}"`;
}

/** A snapshot as a place that something stands on or goes to. */
export function place(snapshot: SnapshotRef | null): string {
  return snapshot ? `snapshot ${quoted(snapshot)}` : "the base image";
}

export function count(number: number, one: string, many = `${one}s`): string {
  return number === 1 ? `1 ${one}` : `${number} ${many}`;
}

/** `1 file was`, `2 files were`: the verb is named as one file has it. */
export function counted(number: number, one: string, verb: "is" | "was" | "waits"): string {
  const plural = { is: "are", was: "were", waits: "wait" } as const;
  return `${count(number, one)} ${number === 1 ? verb : plural[verb]}`;
}

/** More than this in one list, and the rest is counted: the record itself names them all. */
const shownInList = 8;

/** `a`, `a and b`, `a, b and c`, or the first eight and how many more. */
export function listed(parts: readonly string[]): string {
  const shown = parts.length > shownInList ? parts.slice(0, shownInList) : parts;
  const rest = parts.length - shown.length;
  const all = rest > 0 ? [...shown, `${rest} more`] : shown;
  const last = all.at(-1) ?? "";
  return all.length < 2 ? last : `${all.slice(0, -1).join(", ")} and ${last}`;
}

/** One thing that is lost or rewritten, with its bytes. */
export function affectedText(one: Affected): string {
  const bytes = formatBytes(one.bytes);
  switch (one.kind) {
    case "snapshot":
      return `${one.automatic ? "automatic " : ""}snapshot ${quoted(one.snapshot)} (${bytes})`;
    case "memory":
      return `the memory of ${quoted(one.snapshot)} (${bytes})`;
    case "content":
      return `the old content of ${quoted(one.snapshot)} (${bytes})`;
    case "base":
      return `the old content of base image ${one.path} (${one.target}, ${bytes})`;
    case "heads":
      return one.dirty
        ? `unsaved changes in the heads on ${place(one.on)} (${bytes})`
        : `the heads on ${place(one.on)}`;
  }
}

/** What a verb that went through took away: what it says it destroyed, and what it orphaned; each once. */
export function lostBy({ destroyed, orphaned }: Pick<Sets, "destroyed" | "orphaned">): string[] {
  return [...new Set([...destroyed, ...orphaned].map(affectedText))];
}

/** Something that keeps its content and hangs elsewhere from now on: no bytes, nothing is lost. */
export function reparentedText(one: Affected): string {
  return one.kind === "snapshot" || one.kind === "memory" || one.kind === "content"
    ? quoted(one.snapshot)
    : "the heads";
}

/** Each command as a verb that a domain's name can follow. */
export const verbs: Readonly<Record<Command["type"], string>> = {
  DefineDomain: "define",
  UndefineDomain: "undefine",
  CreateSnapshot: "create a snapshot of",
  CreateWithSnapshot: "move to a snapshot the heads of",
  DeactivateSnapshot: "deactivate a snapshot of",
  MergeSnapshot: "merge a snapshot of",
  DiscardSnapshot: "discard a snapshot of",
  CompactDomain: "compact",
  RecoverDomain: "recover",
  StartDomain: "start",
  DestroyDomain: "stop",
  ShutdownDomain: "shut down",
  SuspendDomain: "suspend",
  ResumeDomain: "resume",
};

const keepings = { refuse: "", "discard-all": ", discarding all it holds", "keep-files": ", keeping its files" };

/** A command in the infinitive: `merge snapshot "b" of web into its parent, with force`. */
export function commandText(command: Command, shownDomain?: string): string {
  const domain = shownDomain ?? (command.type === "DefineDomain" ? command.name : command.domain);
  switch (command.type) {
    case "DefineDomain":
      return `define domain ${command.name} on ${listed(command.disks.map(({ path, target }) => `${path} (${target})`))}`;
    case "UndefineDomain":
      return `undefine domain ${domain}${keepings[command.keep]}`;
    case "CreateSnapshot":
      return `create ${command.name === null ? "a snapshot" : `snapshot "${command.name}"`} of ${domain}`;
    case "CreateWithSnapshot":
      return `${command.start ? `start ${domain} from` : `move the heads of ${domain} to`} snapshot "${command.snapshot}"${dropping(command)}`;
    case "DeactivateSnapshot":
      return `deactivate snapshot "${command.snapshot}" of ${domain}${dropping(command)}`;
    case "MergeSnapshot":
      return `merge snapshot "${command.snapshot}" of ${domain} into what it stands on${forced(command)}${dropping(command)}`;
    case "DiscardSnapshot":
      return `discard snapshot "${command.snapshot}" of ${domain}${forced(command)}${dropping(command)}`;
    case "CompactDomain":
      return `compact ${domain}`;
    case "RecoverDomain":
      return `recover ${domain}`;
    case "StartDomain":
      return `start ${domain}${command.paused ? " paused" : ""}`;
    case "DestroyDomain":
    case "ShutdownDomain":
    case "SuspendDomain":
    case "ResumeDomain":
      return `${verbs[command.type]} ${domain}`;
  }
}

function dropping({ discardChanges }: { readonly discardChanges: boolean }): string {
  return discardChanges ? ", dropping unsaved changes" : "";
}

function forced({ force }: { readonly force: boolean }): string {
  return force ? " with force" : "";
}
