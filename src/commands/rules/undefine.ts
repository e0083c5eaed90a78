import { cliCommand, shellQuote } from "../../errors.ts";
import type { UndefineDomain } from "../../events/command.ts";
import { noSets } from "../../events/records.ts";
import type { Warning } from "../request.ts";
import { headsOf, layerOf, pendingFolds } from "../../projections/layers.ts";
import type { DomainState } from "../../projections/state.ts";
import { refOf } from "../../projections/tree.ts";
import { count } from "../../projections/explain/wording.ts";
import { accept, refuse } from "./decision.ts";
import { headsAffected, headsAreDirty, refuseRunning } from "./heads.ts";
import { affectedSnapshot, listNames } from "./affected.ts";
import type { CommandRule } from "./rule.ts";

/** The domain leaves the lists; base images are never touched. What it still holds must be given up in so many words. */
export const undefineDomain: CommandRule<UndefineDomain> = {
  permit(state, facts, { keep }) {
    if (facts.guest !== "off") refuseRunning(state, "it cannot be undefined");
    if (keep !== "keep-files") checkFolds(state);
    if (keep !== "discard-all" && keep !== "keep-files") checkNothingToLose(state, headsAreDirty(state, facts));
  },
  decide(state, facts, { keep }) {
    const keptFiles = keep === "keep-files";
    const snapshots = [...state.snapshots.values()];
    const files = filesOfDomain(state);
    const lost = [
      ...snapshots.map((snapshot) => affectedSnapshot(state, snapshot)),
      ...(headsAreDirty(state, facts) ? [headsAffected(state, facts)] : []),
    ];
    const destroyed = keptFiles ? [] : lost;
    const removes = keptFiles ? [] : files;
    const warnings = keptFiles ? unmergedBases(state) : [];
    return accept({ sets: { ...noSets, destroyed }, removes, warnings }, () => ({
      type: "DomainUndefined",
      schema: 1,
      data: { name: state.name, discarded: snapshots.map(refOf), destroyed, kept: keptFiles ? files : [] },
    }));
  },
  touches: (state, { keep }) => (keep === "keep-files" ? {} : { heads: headsOf(state) }),
};

/** Until a fold has ended, content exists only across two files of which one is half written. */
function checkFolds(state: DomainState): void {
  const folds = pendingFolds(state);
  if (folds.length === 0) return;
  const hint = `Let it end first: ${cliCommand("compact", state.name)}. If it can't, --keep-files leaves every file, and the content with them.`;
  const facts = { domain: state.name, folds: folds.length };
  refuse("COMPACTION_UNFINISHED", `A merge of "${state.name}" has not ended on disk.`, hint, facts);
}

/** What was merged into a base image, and is not in its file, is in the layer that it was to be folded from. */
function unmergedBases(state: DomainState): Warning[] {
  return state.disks.flatMap((target) => {
    const [base, content] = [layerOf(state, state.bases[target]), layerOf(state, state.baseRoles[target])];
    if (base === content) return [];
    const message = `Base image ${base.file.path} (${target}) lacks content that was merged into it, or holds a part of it; all of it is in ${content.file.path}.`;
    const { path, format } = content.file;
    const hint = `To have it in one file: qemu-img convert -f ${format} -O ${base.file.format} ${shellQuote(path)} NEWFILE`;
    return [{ code: "COMPACTION_PENDING", message, hint }];
  });
}

function checkNothingToLose(state: DomainState, dirty: boolean): void {
  const hint = "Pass --discard-all to remove everything, or --keep-files to leave every file where it is.";
  const domain = state.name;
  const names = [...state.snapshots.values()].map(({ name }) => name);
  if (names.length > 0) {
    const message = `Domain "${domain}" has ${count(names.length, "snapshot")}: ${listNames(names, 10)}.`;
    refuse("DOMAIN_HAS_SNAPSHOTS", message, hint, { domain, snapshots: names.length });
  }
  if (dirty) refuse("HEADS_DIRTY", `The heads of "${domain}" hold changes that no snapshot has.`, hint, { domain });
}

function filesOfDomain(state: DomainState): string[] {
  const layers = [...state.layers.values()].filter(({ backing }) => backing !== null).map(({ file }) => file.path);
  const memories = [...state.snapshots.values()].flatMap(({ memory }) => (memory ? [memory.path] : []));
  return [...layers, ...memories, ...state.looseMemories.map(({ path }) => path)];
}
