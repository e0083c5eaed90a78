import { adopt } from "../commands/operation/adopt.ts";
import type { CommandContext } from "../commands/context.ts";
import { verifyFiles, type FilesVerdict } from "../commands/facts/verify-files.ts";
import type { Driver } from "../drivers/driver.ts";
import { isSnapledgerError, type SnapledgerError } from "../errors.ts";
import { backupLog, restoreLog } from "../store/backup.ts";
import type { Envelope, LogEnd } from "../events/events.ts";
import { verifyStore } from "../store/repair/verify-store.ts";
import { verifyLog, type Verdict, type VerifyOptions } from "../events/verify.ts";
import type { EventLog, LogHead, StoredRecord } from "../events/log.ts";
import { notDamaged, salvageStore, type Salvaged } from "../store/repair/salvage.ts";
import type { Caller, ConnectionOptions, OnVerified, StoreRequest } from "./api.ts";
import { actorOf, clock, defaultWaitMs, newId } from "./environment.ts";
import { definedDomains } from "../projections/directory.ts";
import type { DomainState } from "../projections/state.ts";

/** What is done to a store as a whole: proving it, saving it, going on after a loss. */

/** Makes a store of a backup, proven on the way. BACKUP_INVALID, FILE_NOT_FOUND, STORE_EXISTS. */
export async function restore(file: string, folder: string, caller: Caller, request?: StoreRequest): Promise<LogHead> {
  return restoreLog(file, folder, await requested(caller, request));
}

/** Makes a new store of what can be proven in a damaged one, which is not touched. STORE_SOUND, STORE_EXISTS. */
export async function salvage(
  { store, waitMs = defaultWaitMs }: ConnectionOptions,
  into: string,
  caller: Caller,
  request?: StoreRequest,
): Promise<Salvaged> {
  const options = { ...(await requested(caller, request)), waitMs };
  const verdict = await verifyStore(store, options);
  if (verdict.ok && verdict.head) throw notDamaged(store, verdict.head);
  return salvageStore(store, into, options);
}

/** Who holds the database is the only one who may look at it; else a copy is proven. */
export async function verify(
  { log }: Pick<CommandContext, "log">,
  { store, waitMs = defaultWaitMs, hold = false }: ConnectionOptions,
  options: Omit<VerifyOptions, "head"> = {},
): Promise<Verdict> {
  return hold ? log.use((open) => verifyLog(open, options)) : verifyStore(store, { ...options, waitMs });
}

/** `read`: the stored records up to a position, exclusive. */
export async function backup(
  { log }: Pick<CommandContext, "log">,
  read: (to: number) => AsyncIterable<StoredRecord>,
  file: string,
  onProgress?: OnVerified,
): Promise<LogHead> {
  return backupLog(log, read, file, { clock, onProgress });
}

/** Appends what the log alone can say: that it goes on from an old copy. null when it is not behind. */
export async function acceptRollback(
  { log }: Pick<CommandContext, "log">,
  caller: Caller,
  request?: StoreRequest,
): Promise<LogHead | null> {
  const { actor, reason, ticket } = await requested(caller, request);
  return log.use(async (open) => {
    const behind = await refusalOf(open);
    if (!behind) return null;
    const { known, head } = behind.facts as { known: LogHead; head: LogHead };
    const envelope: Envelope = { domain: null, actor, reason, ticket, operation: null, commandId: null };
    const data = { known: endOf(known), found: endOf(head) };
    await open.append([{ ...envelope, type: "LogRolledBack", schema: 1, data }]);
    return open.head();
  });
}

/** Why nothing may be appended: LOG_BEHIND, or undefined when it may. */
async function refusalOf(log: EventLog): Promise<SnapledgerError | undefined> {
  try {
    await log.append([]);
    return undefined;
  } catch (error) {
    if (isSnapledgerError(error, "LOG_BEHIND")) return error;
    throw error;
  }
}

function endOf({ position, hash }: LogHead): LogEnd {
  return { position, hash };
}

async function requested(caller: Caller, request: StoreRequest | undefined) {
  const [{ parseCaller }, { parseStoreRequest }] = await Promise.all([
    import("../commands/validate.ts"),
    import("./validate.ts"),
  ]);
  const actor = actorOf(parseCaller(caller));
  const { reason = null, ticket = null, onVerified } = parseStoreRequest(request);
  return { clock, newId, actor, reason, ticket, ...(onVerified && { onProgress: onVerified }) };
}

/** Every defined domain's files, compared with the log. */
export async function filesVerdict(context: CommandContext): Promise<FilesVerdict> {
  const { log, states, driver } = context;
  const domains = await log.use(async (open) => {
    const ids = definedDomains(await states.directory(open));
    return Promise.all(ids.map((id) => states.domain(open, id)));
  });
  const verdicts: FilesVerdict[] = [];
  for (const state of domains) {
    const its = driver(state.driver);
    await adopt(its, state);
    verdicts.push(await verdictOf(context, its, state));
  }
  return {
    ok: verdicts.every(({ ok }) => ok),
    files: verdicts.reduce((sum, { files }) => sum + files, 0),
    differences: verdicts.flatMap(({ differences }) => differences),
    unknown: verdicts.flatMap(({ unknown }) => unknown),
  };
}

/** A command that came after the log was read may be changing files: then what the log says by now is compared. */
async function verdictOf(
  context: CommandContext,
  driver: Driver,
  state: DomainState,
  attempts = 5,
): Promise<FilesVerdict> {
  const verdict = await verifyFiles(driver, state);
  if (verdict.ok || attempts === 1) return verdict;
  const now = await context.log.use((log) => context.states.domain(log, state.id));
  return now.revision === state.revision ? verdict : verdictOf(context, driver, now, attempts - 1);
}
