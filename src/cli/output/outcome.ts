import type { Affected, Sets } from "../../events/records.ts";
import type { Step } from "../../events/plan.ts";
import type { Outcome } from "../../connection/api.ts";
import { affectedText, count, formatBytes, quoted } from "../../projections/explain/wording.ts";
import type { Cli } from "../verb.ts";

/**
 * Prints what a command did: `done` in one line, then the sets, what was kept, and the folds. With --plan, what it
 * would do; with --json, the outcome as it is.
 */
export function printOutcome(cli: Cli, outcome: Outcome, done: string): void {
  if (cli.json) cli.output.json(outcome);
  else cli.output.lines(outcome.planned ? planLines(outcome) : doneLines(outcome, done));
}

function doneLines(outcome: Outcome, done: string): string[] {
  const { repeated, autosave, removed, folded, foldsPending, kept, sets } = outcome;
  return [
    repeated ? `${done} (before, under this command id; nothing was done now)` : done,
    ...setLines(sets),
    ...(autosave ? [field("autosave", `unsaved changes were kept as snapshot "${autosave.name}"`)] : []),
    ...(folded + foldsPending > 0 ? [field("folds", `${folded} done, ${foldsPending} pending`)] : []),
    ...(removed.length > 0 ? [field("removed", count(removed.length, "file"))] : []),
    ...kept.map((path) => field("kept", path)),
  ];
}

function planLines({ command, domain, plan }: Outcome): string[] {
  return [
    `Plan for ${command} on domain '${domain.name}'; nothing was changed`,
    ...setLines(plan.sets),
    ...(plan.repairs ?? []).map(({ path }) => field("would repair", `${path}, which its last user left half-way`)),
    ...plan.steps.flatMap(stepLines),
    ...plan.folds.map(({ from, into }) => field("would fold", `${from} into ${into}`)),
    ...plan.removes.map((path) => field("would remove", path)),
    field("needs free", formatBytes(plan.spaceBytes)),
  ];
}

function stepLines(step: Step): string[] {
  switch (step.step) {
    case "overlay":
      return [field("would make", `${step.path} on ${step.backing.path}`)];
    case "compress":
      return [field("would pack", `${step.source} into ${step.path} (${step.method})`)];
    case "freeze": {
      const packed = step.memoryCompression ? ` (${step.memoryCompression})` : "";
      return [
        ...step.overlays.map(({ from, path }) => field("would freeze", `${from}; the guest writes to ${path}`)),
        ...(step.memoryPath === null ? [] : [field("would save", `memory to ${step.memoryPath}${packed}`)]),
      ];
    }
  }
}

/** What a verb does to what is there, with bytes. */
function setLines({ rewritten, orphaned, reparented, destroyed }: Sets): string[] {
  return [
    ...rewritten.map((one) => field("rewritten", rewrittenText(one))),
    ...[...orphaned, ...destroyed].map((one) => field("deleted", affectedText(one))),
    ...reparented.map((one) => field("moved", movedText(one, rewritten))),
  ];
}

/** What stood on a merged snapshot moves to the one that it was merged into; heads get fresh files elsewhere. */
function movedText(one: Affected, [into]: Sets["rewritten"]): string {
  if (into?.kind === "snapshot") return `${affectedText(one)}, to hang on ${quoted(into.snapshot)}`;
  return into ? `${affectedText(one)}, to hang on the base image` : affectedText(one);
}

/** A base image that is rewritten is named as the file it is; what is lost of it is among the deleted. */
function rewrittenText(one: Affected): string {
  return one.kind === "base" ? `base image ${one.path} (${one.target}, ${formatBytes(one.bytes)})` : affectedText(one);
}

function field(label: string, value: string): string {
  return `  ${`${label}:`.padEnd(14)}${value}`;
}
