import type { DeactivateSnapshot, DiscardSnapshot, MergeSnapshot } from "../../events/command.ts";
import type { Outcome } from "../../connection/api.ts";
import { isSnapledgerError } from "../../errors.ts";
import type { Input } from "../input/input.ts";
import { printOutcome } from "../output/outcome.ts";
import type { Cli, Verb } from "../verb.ts";

type Deactivation = DeactivateSnapshot | MergeSnapshot | DiscardSnapshot;

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
    const outcome = await cli.execute(command).catch((error: unknown) => {
      printUnsettled(cli, command, error);
      throw error;
    });
    printOutcome(cli, outcome, doneWords(command, outcome));
  },
};

function commandFrom(input: Input): Deactivation {
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

function doneWords({ type, snapshot }: Deactivation, { sets }: Outcome): string {
  if (type === "DeactivateSnapshot") return `Domain snapshot ${snapshot} deactivated`;
  if (type === "DiscardSnapshot") return `Domain snapshot ${snapshot} discarded`;
  const into = sets.rewritten.find((one) => one.kind === "snapshot");
  return `Domain snapshot ${snapshot} merged into ${into ? into.snapshot.name : "the base image"}`;
}

/** A merge that is recorded but not all folded is an error, which carries what was done: that is shown all the same. */
function printUnsettled(cli: Cli, command: Deactivation, error: unknown): void {
  if (!isSnapledgerError(error) || !("outcome" in error.facts)) return;
  const outcome = error.facts["outcome"] as Outcome;
  printOutcome(cli, outcome, doneWords(command, outcome));
}
