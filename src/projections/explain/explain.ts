import type { Actor, EventRecord, MovedHeads, Range, RecordOf } from "../../events/events.ts";
import type { NewSnapshot } from "../../events/records.ts";
import {
  affectedText,
  commandText,
  count,
  formatBytes,
  listed,
  lostBy,
  place,
  quoted,
  reparentedText,
  verbs,
} from "./wording.ts";

export { formatBytes };

/** `domain`: the name the record's domain had then; without it, the name in the record, or else the uuid. */
export interface ExplainOptions {
  readonly domain?: string;
}

/**
 * One sentence: who, what, what was destroyed, why. For instance
 * `alice created snapshot "before" of web (reason: patch day, ticket OPS-1)`. No full stop; text from users as it is.
 */
export function explain(record: EventRecord, options: ExplainOptions = {}): string {
  return sentence(record, whatHappened(record, nameOf(record, options)));
}

/**
 * One sentence for all records of one operation, in position order: its outcome and what followed, or how it failed,
 * or that its outcome is not among them.
 */
export function explainOperation(records: readonly EventRecord[], options: ExplainOptions = {}): string {
  const [first] = records;
  if (!first) return "nothing happened";
  const domain = options.domain ?? records.map(nameInside).find((name) => name !== undefined) ?? nameOf(first, options);
  const outcomes = records.filter(({ type }) => type !== "OperationStarted" && !isCleanUp(type));
  const decisive = outcomes[0];
  const told = outcomes.map((record) => whatHappened(record, domain));
  const cleanUp = cleanUpText(records);
  if (decisive) return sentence(decisive, [...told, ...cleanUp].join("; then "));
  if (cleanUp.length > 0) return sentence(first, `cleaned up after ${domain}: ${cleanUp.join("; then ")}`);
  return sentence(first, `${whatHappened(first, domain)}; its outcome is not recorded`);
}

function isCleanUp(type: EventRecord["type"]): boolean {
  return type === "FoldStarted" || type === "LayersCompacted" || type === "LayersRemoved";
}

function cleanUpText(records: readonly EventRecord[]): string[] {
  const folds = records.filter(({ type }) => type === "LayersCompacted").length;
  const files = records.flatMap((record) => (record.type === "LayersRemoved" ? record.data.files : []));
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return [
    ...(folds > 0 ? [`${count(folds, "layer")} folded into the one below`] : []),
    ...(files.length > 0 ? [`${count(files.length, "file")} removed (${formatBytes(bytes)})`] : []),
  ];
}

function sentence({ actor, reason, ticket }: EventRecord, what: string): string {
  const why = [...(reason ? [`reason: ${reason}`] : []), ...(ticket ? [`ticket ${ticket}`] : [])];
  return `${who(actor)} ${what}${why.length > 0 ? ` (${why.join(", ")})` : ""}`;
}

/** The user who became root by sudo is named too, as far as the environment says. */
function who({ user, sudoUser }: Actor): string {
  return sudoUser !== null && sudoUser !== user ? `${user} (by sudo from ${sudoUser})` : user;
}

function nameOf(record: EventRecord, { domain }: ExplainOptions): string {
  return domain ?? nameInside(record) ?? (record.domain === null ? "the log" : `domain ${record.domain}`);
}

function nameInside(record: EventRecord): string | undefined {
  switch (record.type) {
    case "DomainDefined":
    case "DomainUndefined":
      return record.data.name;
    case "OperationStarted":
    case "CommandRejected": {
      const { command } = record.data;
      return command.type === "DefineDomain" ? command.name : command.domain;
    }
    default:
      return undefined;
  }
}

/** The record without who and why, as what follows the name of the user who did it. */
function whatHappened(record: EventRecord, domain: string): string {
  switch (record.type) {
    case "LogCreated":
      return `created the log ${record.data.logId}`;
    case "LogRolledBack": {
      const { known, found } = record.data;
      return `went on from an old copy of the log, which ended at ${found.position}; ${known.position} had been written`;
    }
    case "LogRestored":
      return `restored the log from a backup of ${record.data.time}, which ended at ${record.data.found.position}`;
    case "LogSalvaged":
      return salvaged(record);
    case "DomainDefined":
      return `defined domain ${domain} on ${listed(record.data.disks.map(({ image, target }) => `${image.file.path} (${target})`))}`;
    case "DomainUndefined":
      return undefinedText(record, domain);
    case "DomainStarted":
      return started(record, domain);
    case "DomainStopped":
      return stopped(record, domain);
    case "DomainSuspended":
      return record.data.cause === "asked" ? `suspended ${domain}` : `noted that ${domain} stands still`;
    case "DomainResumed":
      return record.data.cause === "asked" ? `resumed ${domain}` : `noted that ${domain} runs again`;
    case "SnapshotCreated":
      return created(record, domain);
    case "HeadsMoved": {
      const { to, autosave, destroyed } = record.data;
      return `moved the heads of ${domain} to ${place(to)}${keeping(autosave)}${destroying(destroyed.map(affectedText))}`;
    }
    case "SnapshotDeactivated": {
      const { snapshot, moved, autosave, destroyed } = record.data;
      const lost = destroying(destroyed.map(affectedText));
      return `deactivated snapshot ${quoted(snapshot)} of ${domain}${moving(moved)}${keeping(autosave)}${lost}`;
    }
    case "SnapshotMerged":
      return merged(record, domain);
    case "SnapshotDiscarded":
      return discarded(record, domain);
    case "FoldStarted":
      return `began to fold a layer of ${domain} into the one below (${record.data.target})`;
    case "LayersCompacted": {
      const { target, file, generation } = record.data;
      const into = `${file.path} (${target}, ${formatBytes(file.bytes)}, generation ${generation})`;
      return `folded a layer of ${domain} into ${into}`;
    }
    case "LayersRemoved":
      return removed(record, domain);
    case "OperationStarted":
      return intended(record, domain);
    case "OperationFailed":
      return failed(record, domain);
    case "CommandRejected": {
      const { command, code, message } = record.data;
      return `asked to ${commandText(command, domain)} and was refused: ${withoutStop(message)} [${code}]`;
    }
    case "EvidenceExported":
      return exported(record, domain);
  }
}

function salvaged({ data: { from, lost, loose } }: RecordOf<"LogSalvaged">): string {
  const loss = lost.length > 0 ? `of ${rangesText(lost)} nothing could be proven` : "nothing was lost";
  const aside = loose.length > 0 ? `; what stood after a gap, ${rangesText(loose)}, is kept beside it` : "";
  return `rebuilt the log from ${from}; ${loss}${aside}`;
}

function rangesText(ranges: readonly Range[]): string {
  return listed(
    ranges.map(({ first, last }) => (first === last ? `position ${first}` : `positions ${first} to ${last}`)),
  );
}

function undefinedText({ data: { destroyed, kept } }: RecordOf<"DomainUndefined">, domain: string): string {
  const left = kept.length > 0 ? `, leaving ${count(kept.length, "file")} on disk` : "";
  return `undefined domain ${domain}${left}${destroying(destroyed.map(affectedText))}`;
}

function started({ data: { from, state, memoryLoaded, observed } }: RecordOf<"DomainStarted">, domain: string): string {
  if (observed) return `noted that ${domain} had been started${state === "paused" ? ", paused" : ""}`;
  const source = from ? ` from ${place(from)}` : "";
  return `started ${domain}${source}${memoryLoaded ? ", resuming its memory" : ""}${state === "paused" ? ", paused" : ""}`;
}

function stopped({ data: { cause } }: RecordOf<"DomainStopped">, domain: string): string {
  switch (cause) {
    case "destroyed":
      return `stopped ${domain}`;
    case "shutdown":
      return `shut down ${domain}`;
    case "observed":
      return `noted that ${domain} was no longer running`;
  }
}

function created({ data: { snapshot, quiesced } }: RecordOf<"SnapshotCreated">, domain: string): string {
  const on = snapshot.parent ? ` on ${quoted(snapshot.parent)}` : "";
  const packed = snapshot.memory?.compression ? `, compressed by ${snapshot.memory.compression}` : "";
  const memory = snapshot.memory ? `, with its memory (${formatBytes(snapshot.memory.bytes)}${packed})` : "";
  const method = snapshot.layers.find(({ compression }) => compression !== null)?.compression;
  const settled = quiesced === true ? ", its file systems settled by the guest's agent" : "";
  return `created snapshot ${quoted(snapshot)} of ${domain}${on}${memory}${method ? `, compressed by ${method}` : ""}${settled}`;
}

function merged({ data }: RecordOf<"SnapshotMerged">, domain: string): string {
  const { snapshot, into, sets, moved } = data;
  const rest = [...new Set(sets.reparented.map(reparentedText))];
  const hung = rest.length > 0 ? `, re-parenting ${listed(rest)}` : "";
  return `merged snapshot ${quoted(snapshot)} of ${domain} into ${place(into)}${hung}${moving(moved)}${destroying(lostBy(sets))}`;
}

function discarded({ data: { snapshot, sets, moved } }: RecordOf<"SnapshotDiscarded">, domain: string): string {
  return `discarded snapshot ${quoted(snapshot)} of ${domain}${moving(moved)}${destroying(lostBy(sets))}`;
}

function removed({ data: { files } }: RecordOf<"LayersRemoved">, domain: string): string {
  const bytes = formatBytes(files.reduce((sum, file) => sum + file.bytes, 0));
  const [only] = files;
  if (files.length === 1 && only) return `removed ${only.path} of ${domain}, which nothing referred to (${bytes})`;
  return `removed ${count(files.length, "file")} of ${domain} that nothing referred to (${bytes})`;
}

function intended({ data: { command, plan } }: RecordOf<"OperationStarted">, domain: string): string {
  const lost = lostBy(plan.sets);
  const would = lost.length > 0 ? `, which would destroy ${listed(lost)}` : "";
  return `began to ${commandText(command, domain)}${would}`;
}

function failed({ data }: RecordOf<"OperationFailed">, domain: string): string {
  const { command, code, message, undone, found } = data;
  const taken = undone.length > 0 ? `; ${count(undone.length, "file")} made for it taken away again` : "";
  const how = found ? "found an unfinished attempt to" : "failed to";
  return `${how} ${verbs[command]} ${domain}: ${withoutStop(message)} [${code}]${taken}`;
}

function exported({ data }: RecordOf<"EvidenceExported">, domain: string): string {
  const { firstRevision, lastRevision, since, until } = data;
  const times = [since === null ? "" : ` since ${since}`, until === null ? "" : ` until ${until}`].join("");
  return `exported evidence of ${domain}${times}: revisions ${firstRevision} to ${lastRevision}`;
}

function keeping(autosave: NewSnapshot | null): string {
  return autosave ? `, keeping unsaved changes as ${quoted(autosave)}` : "";
}

function moving(moved: MovedHeads | null): string {
  return moved ? `, moving the heads to ${place(moved.current)}` : "";
}

function destroying(lost: readonly string[]): string {
  return lost.length > 0 ? `, destroying ${listed(lost)}` : "";
}

function withoutStop(message: string): string {
  return message.endsWith(".") ? message.slice(0, -1) : message;
}
