import { SnapledgerError } from "../../errors.ts";
import type { RecordOf } from "../../events/events.ts";
import type { DomainId } from "../../events/ids.ts";
import type { EventLog } from "../../events/log.ts";
import type { Caller, Request } from "../request.ts";
import type { CommandContext } from "../context.ts";

/** ISO 8601 UTC with milliseconds, as records have them: text that sorts by time. */
export interface Period {
  readonly since: string | null;
  readonly until: string | null;
}

/** What an export closes, or with `plan` would. */
export type EvidenceRange = RecordOf<"EvidenceExported">["data"];

/** Which revisions an export of this period holds, as the log stands. Changes nothing. */
export async function planEvidence(context: CommandContext, domain: DomainId, period: Period): Promise<EvidenceRange> {
  return context.log.use(async (log) => rangeOf(context, log, domain, period, await log.revision(domain)));
}

/**
 * Closes a period of a domain by an event, under its lock: no operation is half-way while it is handed out. No operation
 * of its own, since nothing but the log is touched. OPERATION_IN_PROGRESS, REVISION_CONFLICT, COMMAND_ID_REUSED.
 */
export async function noteEvidence(
  context: CommandContext,
  domain: DomainId,
  period: Period,
  caller: Caller,
  request: Request,
): Promise<RecordOf<"EvidenceExported">> {
  const { logId } = await context.log.use((log) => log.head());
  const holder = { pid: caller.pid, host: caller.host, verb: "ExportEvidence", user: caller.user };
  const lock = await context.locks.lockDomain({
    logId,
    domain,
    holder,
    waitMs: context.waitMs,
    signal: request.signal,
  });
  try {
    const record = await context.log.use((log) => append(context, log, domain, period, caller, request));
    context.appended(record.position);
    return record;
  } finally {
    await lock.release();
  }
}

async function append(
  context: CommandContext,
  log: EventLog,
  domain: DomainId,
  period: Period,
  caller: Caller,
  request: Request,
): Promise<RecordOf<"EvidenceExported">> {
  const { reason = null, ticket = null, commandId = null, expectRevision } = request;
  await checkNew(log, commandId);
  const revision = await log.revision(domain);
  const data = await rangeOf(context, log, domain, period, revision);
  const { user, uid, loginUid, sudoUser, host, via, knownBy } = caller;
  const actor = { user, uid, loginUid, sudoUser, host, via, knownBy };
  const envelope = { domain, actor, reason, ticket, operation: null, commandId };
  const event = { ...envelope, type: "EvidenceExported", schema: 1, data } as const;
  const [record] = await log.append([event], { expectedRevision: expectRevision ?? revision });
  if (record?.type !== "EvidenceExported") throw new Error("the log acknowledged an append with another record");
  return record;
}

/** A bundle is not made twice from one event: the second would prove something else. */
async function checkNew(log: EventLog, commandId: string | null): Promise<void> {
  const first = commandId === null ? undefined : await log.findCommand(commandId);
  if (!first) return;
  throw new SnapledgerError("COMMAND_ID_REUSED", `The command id was used at position ${first.position}.`, {
    facts: { commandId, position: first.position },
    hint: "Each export has an event of its own: give it a new command id, or none.",
  });
}

/** One record more on either side of the period, where there is one: between neighbours nothing can be missing. */
async function rangeOf(
  { states }: CommandContext,
  log: EventLog,
  domain: DomainId,
  { since, until }: Period,
  revision: number,
): Promise<EvidenceRange> {
  const { name } = await states.domain(log, domain);
  let [firstRevision, lastRevision] = [1, revision];
  for await (const { record } of log.readDomain(domain)) {
    const at = record.revision ?? 0;
    if (since !== null && record.time < since) firstRevision = at;
    if (until === null || record.time < until) continue;
    lastRevision = at;
    break;
  }
  return { name, since, until, firstRevision, lastRevision };
}
