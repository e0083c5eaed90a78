import type { Command } from "../../events/command.ts";
import type { Outcome } from "../../face.ts";
import { exitStatusOf } from "../../errors.ts";
import type { Input } from "../input.ts";
import { printOutcome } from "../outcome.ts";
import type { Cli, Verb } from "../verb.ts";

/** The RFC's flags and their plain synonyms. */
const actions = ["merge", "mergeforce", "delete", "discard", "mergedelete", "discard-force"] as const;

export const verb: Verb = {
  about:
    "Without a flag: the snapshot is not used anymore, but kept; heads that stand on it move to the nearest active " +
    "ancestor. With a flag it is merged into its parent (or the base image), or discarded. Only one of these flags.",
  arguments: [
    ["<domain>", "its name or uuid"],
    ["<name>", "the snapshot"],
  ],
  options: [
    ["--merge", "MERGE: its content goes into its parent, or the base image; refused if others would be lost"],
    ["--mergeforce", "MERGE_FORCE: the same, and what stands in the way is discarded"],
    ["--delete", "DISCARD: remove it; refused if others would be lost"],
    ["--discard", "the same as --delete"],
    [
      "--mergedelete",
      "DISCARD_FORCE, by the RFC's spelling (a slip there: nothing is merged): remove it and all below",
    ],
    ["--discard-force", "the same as --mergedelete"],
    ["--discard-changes", "throw unsaved changes in the heads away"],
  ],
  changes: true,
  exits: [
    [1, "it was tried and failed; or merged, but the base image is not rewritten yet (COMPACTION_PENDING)"],
    [3, "a rule refused: others would be lost, the base image is shared …"],
    [4, "no such domain, snapshot or store"],
  ],
  examples: [
    "snapledger snapshot-deactivate web before-upgrade --merge --plan",
    "snapledger snapshot-deactivate web experiment --mergedelete --reason 'not needed'",
  ],
  async run(cli) {
    const command = commandFrom(cli.input);
    const outcome = await cli.execute(command);
    printOutcome(cli, outcome, doneWords(command, outcome));
    if (command.type === "MergeSnapshot") checkBaseWritten(cli, outcome);
  },
};

function commandFrom(input: Input): Command & { readonly snapshot: string } {
  const discardChanges = input.has("discard-changes");
  const common = { domain: input.argument(0), snapshot: input.argument(1), discardChanges };
  switch (input.oneOf(actions)) {
    case "merge":
      return { type: "MergeSnapshot", ...common, force: false };
    case "mergeforce":
      return { type: "MergeSnapshot", ...common, force: true };
    case "delete":
    case "discard":
      return { type: "DiscardSnapshot", ...common, force: false };
    case "mergedelete":
    case "discard-force":
      return { type: "DiscardSnapshot", ...common, force: true };
    default:
      return { type: "DeactivateSnapshot", ...common };
  }
}

function doneWords({ type, snapshot }: Command & { readonly snapshot: string }, { sets }: Outcome): string {
  if (type === "DeactivateSnapshot") return `Domain snapshot ${snapshot} deactivated`;
  if (type === "DiscardSnapshot") return `Domain snapshot ${snapshot} discarded`;
  const into = sets.rewritten.find((one) => one.kind === "snapshot");
  return `Domain snapshot ${snapshot} merged into ${into ? into.snapshot.name : "the base image"}`;
}

/** Until the fold has ended the base file itself is not right, whatever the log says: never plain success. */
function checkBaseWritten(cli: Cli, { planned, sets, foldsPending, warnings }: Outcome): void {
  const intoBase = sets.rewritten.some(({ kind }) => kind === "base");
  if (planned || !intoBase || foldsPending === 0) return;
  if (!warnings.some(({ code }) => code === "COMPACTION_PENDING")) {
    const message =
      "Merged, but the base image is not rewritten yet: every snapshot reads right, the base file does not.";
    cli.warn({ code: "COMPACTION_PENDING", message, hint: `Run: snapledger compact ${cli.input.argument(0)}` });
  }
  cli.exitWith(exitStatusOf.COMPACTION_PENDING);
}
