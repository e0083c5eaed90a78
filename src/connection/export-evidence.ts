import { existsSync } from "node:fs";
import { chmod, link, mkdtemp, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Period } from "../commands/operation/export-evidence.ts";
import { noteEvidence, planEvidence } from "../commands/operation/export-evidence.ts";
import type { CommandContext } from "../commands/context.ts";
import { asDiskFull, asWrongTarget } from "../system/disk-errors.ts";
import { SnapledgerError } from "../errors.ts";
import type { DomainId } from "../events/ids.ts";
import { writeBundle } from "../evidence/bundle.ts";
import { fingerprintOf } from "../evidence/key.ts";
import type { ProvingParts } from "../evidence/prove.ts";
import { checkNotForked, signedTree, signerOf } from "../evidence/prove.ts";
import type { Caller, Evidence, EvidenceRequest, Request } from "./api.ts";

/** Put in by scripts/build.mjs: the command line has it beside itself. */
declare const SNAPLEDGER_AUDITOR: string | undefined;

/** What goes into every bundle as it is. */
const place = typeof SNAPLEDGER_AUDITOR === "string" ? SNAPLEDGER_AUDITOR : "../evidence/auditor/";
const auditor = fileURLToPath(new URL(place, import.meta.url));

interface Parts {
  readonly context: CommandContext;
  readonly proving: ProvingParts;
}

/** As Connection.exportEvidence. What can fail before the event is tried before it. */
export async function exportEvidence(
  { context, proving }: Parts,
  domain: DomainId,
  file: string,
  { since, until, key }: EvidenceRequest,
  caller: Caller,
  request: Request = {},
): Promise<Evidence> {
  checkPeriod({ since, until });
  if (existsSync(file)) throw exists(file);
  const head = await context.log.use((log) => log.head());
  const signer = await signerOf(proving, head, key);
  const known = { file, fingerprint: fingerprintOf(signer.key) };
  if (request.plan) {
    const { name, ...range } = await planEvidence(context, domain, { since, until });
    const nothing = { position: null, checkpoint: null, bytes: null };
    return { ...known, ...range, ...nothing, planned: true, domain: { id: domain, name } };
  }
  await checkNotForked(proving, signer, head, key);
  const work = await workFolder(file);
  try {
    request.signal?.throwIfAborted();
    const closing = await noteEvidence(context, domain, { since, until }, caller, request);
    const signed = await signedTree(proving, key === undefined ? {} : { key });
    const { name, ...range } = closing.data;
    const made = { log: context.log, closing, signed, signer, auditor };
    const bundle = `evidence-${/^[\w.-]+$/.test(name) ? name : domain}-${closing.position}`;
    await writeBundle(join(work, bundle), { ...made, signal: request.signal });
    const bytes = await pack(work, bundle, file);
    const { position } = closing;
    const { checkpoint } = signed;
    return { ...known, ...range, position, checkpoint, bytes, planned: false, domain: { id: domain, name } };
  } catch (error) {
    throw request.signal?.aborted ? interrupted(file, error) : asDiskFull(error, file);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function checkPeriod({ since, until }: Period): void {
  if (since === null || until === null || since < until) return;
  throw new SnapledgerError("USAGE", `Nothing lies between ${since} and ${until}.`, {
    facts: { since, until },
    hint: "Give the earlier time to --since.",
  });
}

/** Beside the file, so that it only has to be renamed when it is whole. */
async function workFolder(file: string): Promise<string> {
  try {
    return await mkdtemp(join(dirname(file), `.${basename(file)}-`));
  } catch (error) {
    throw asWrongTarget(error, file);
  }
}

async function pack(work: string, bundle: string, file: string): Promise<number> {
  // Seldom needed: only an export loads it.
  const { create } = await import("tar");
  const packed = join(work, "packed");
  await create({ gzip: true, file: packed, cwd: work, portable: true }, [bundle]);
  await chmod(packed, 0o600);
  await link(packed, file).catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).code === "EEXIST" ? exists(file) : error;
  });
  return (await stat(file)).size;
}

function interrupted(file: string, cause: unknown): SnapledgerError {
  const hint = "The log may say that an export was made, which is no harm: run it again, and it is closed anew.";
  return new SnapledgerError("INTERRUPTED", `Stopped as asked; ${file} was not written.`, {
    facts: { file },
    hint,
    cause,
  });
}

function exists(file: string): SnapledgerError {
  const hint = "Name another file, or move this one away.";
  return new SnapledgerError("FILE_EXISTS", `${file} is there already.`, { facts: { file }, hint });
}
