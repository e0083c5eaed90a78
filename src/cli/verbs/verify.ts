import type { FilesVerdict, ReplayDifference, ReplayVerdict, SignedCheckpoint, Verdict } from "../../connection/api.ts";
import { SnapledgerError } from "../../errors.ts";
import type { Cli, Verb } from "../verb.ts";
import { count, counted } from "../../projections/explain/wording.ts";
import { checkpointOptions, verifyCheckpoint } from "../input/verify-checkpoint.ts";

export const verb: Verb = {
  about:
    "Prove the whole log, on a copy: each record's hash, its link to the one before, its position and its domain's " +
    "revision, up to where the head file says that it ends; and that the indexes lead to each. Changes nothing.",
  options: [
    ["--head <hash>", "the log must also hold the record with this hash: the head of any earlier copy"],
    ["--replay", "fold every domain twice, from the first event and from cached states, and compare the states"],
    ["--files", "compare the domains' files with the log too, by header and metadata"],
    ...checkpointOptions,
  ],
  exits: [
    [1, "a file is not what the log says (FILES_DIFFER), or two folds differ (REPLAY_DIFFERS)"],
    [3, "the checkpoint is not signed by the key"],
    [4, "no such store, checkpoint or key"],
  ],
  examples: ["snapledger verify --head $(jq -r .hash head.json) --json", "snapledger verify --files --replay"],
  async run(cli) {
    const connection = await cli.connection();
    const onProgress = (done: number, total: number) => cli.progress("verify", done, total);
    const holds = cli.input.value("head");
    const verdict = await connection.verify({ onProgress, ...(holds !== undefined && { holds: withPrefix(holds) }) });
    const files = verdict.ok && cli.input.has("files") ? await connection.verifyFiles() : null;
    const replay = verdict.ok && cli.input.has("replay") ? await connection.verifyReplay() : null;
    const checkpoint = verdict.ok ? await verifyCheckpoint(cli) : null;
    if (cli.json) cli.output.json({ ...verdict, files, replay, ...(checkpoint && { checkpoint }) });
    if (!verdict.ok) throw damaged(verdict);
    if (!cli.json) printLog(cli, verdict, checkpoint);
    if (replay && !cli.json) printReplay(cli, replay);
    if (replay?.differs) throw replayDiffers(replay.differs);
    if (!files) return;
    if (!cli.json) printFiles(cli, files);
    if (!files.ok) throw filesDiffer(files);
  },
};

/** `snapledger head` prints a hash with its kind before it; what is pasted may lack that. */
function withPrefix(hash: string): string {
  if (/^(sha256:)?[0-9a-f]{64}$/.test(hash)) return hash.startsWith("sha256:") ? hash : `sha256:${hash}`;
  throw new SnapledgerError("USAGE", `--head takes the hash of a record, not "${hash}".`, {
    hint: "As `snapledger head` prints it: sha256: and 64 hex digits.",
  });
}

function damaged({ valid, firstBad }: Verdict): SnapledgerError {
  const where = firstBad ? `Record ${firstBad.position}: ${firstBad.why}.` : "The log is not what it was.";
  return new SnapledgerError("LOG_DAMAGED", `${where} ${counted(valid, "record", "is")} proven.`, {
    facts: { valid, firstBad },
    hint: "Nothing was changed. `snapledger salvage NEWFOLDER` makes a store of all that can be proven.",
  });
}

function printLog({ output }: Cli, { head, valid, heldAt }: Verdict, checkpoint: SignedCheckpoint | null): void {
  output.line(`${count(valid, "record")} verified; the log ends at ${valid} with ${head?.hash ?? "an unknown hash"}`);
  if (heldAt !== null) output.line(`It holds the given head, at position ${heldAt}`);
  if (checkpoint) output.line(`The first ${checkpoint.size} of them are those that the checkpoint was signed for`);
}

function printReplay({ output }: Cli, { domains }: ReplayVerdict): void {
  output.line(
    `${domains.length === 1 ? "1 domain folds" : `${domains.length} domains fold`} from the first event to what the cached states give`,
  );
  for (const { name, id, revision, hash } of domains) output.line(`  ${name || id} at revision ${revision}: ${hash}`);
}

function replayDiffers({ domain, position, revision, differences }: ReplayDifference): SnapledgerError {
  const what = domain === null ? "the directory" : `domain ${domain} (revision ${revision ?? 0})`;
  const message = `Two folds of ${what} differ from position ${position} on, first in ${differences[0]?.path ?? "?"}.`;
  return new SnapledgerError("REPLAY_DIFFERS", message, {
    facts: { domain, position, revision, differences },
    hint: "The log is proven. Delete the store's checkpoints folder, which costs nothing but time, and report this.",
  });
}

function printFiles({ output }: Cli, { files, differences, unknown }: FilesVerdict): void {
  output.line(
    `${count(files, "file")} compared, ${differences.length === 1 ? "1 differs" : `${differences.length} differ`}`,
  );
  for (const { domain, path, why } of differences) output.line(`  differs (${domain}): ${path}: ${why}`);
  for (const path of unknown) output.line(`  not known from the log: ${path}`);
}

function filesDiffer({ differences }: FilesVerdict): SnapledgerError {
  const [first] = differences;
  const more = differences.length > 1 ? `, and ${differences.length - 1} more` : "";
  const message = `${first?.path ?? "A file"} is not what the log says${more}.`;
  return new SnapledgerError("FILES_DIFFER", message, {
    facts: { differences },
    hint: "Somebody changed files behind the log. Nothing was changed now; put them back from a backup.",
  });
}
