import { createWriteStream } from "node:fs";
import { chmod, copyFile, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { RecordOf } from "../events/events.ts";
import type { EventLog, LogAccess, StoredRecord } from "../events/log.ts";
import { toHex } from "../proof/base64.ts";
import { inclusionPath } from "../proof/merkle.ts";
import { digest } from "./crypto.ts";
import { describeKey } from "./key.ts";
import type { Signer } from "./key.ts";
import type { CheckpointedTree } from "./prove.ts";

export interface Bundle {
  readonly log: LogAccess;
  /** The event that closes the period. */
  readonly closing: RecordOf<"EvidenceExported">;
  /** A checkpoint over it. */
  readonly signed: CheckpointedTree;
  readonly signer: Signer;
  /** Aborting stops the writing. */
  readonly signal: AbortSignal | undefined;
  /** A folder with what every bundle has: the README and the verifiers. */
  readonly auditor: string;
}

/** Writes the files of an evidence bundle into `folder`, which is made. auditor/README.md explains them. */
export async function writeBundle(folder: string, { auditor, signed, signer, signal, ...of }: Bundle): Promise<void> {
  await mkdir(folder);
  for (const name of await readdir(auditor)) await copyFile(join(auditor, name), join(folder, name));
  await chmod(join(folder, "verify.sh"), 0o755);
  const { key } = signer;
  await writeFile(join(folder, "key.pem"), describeKey(key).pem);
  await writeFile(join(folder, "checkpoint"), signed.checkpoint.note);
  const lines = () => recordLines(of.log, of.closing);
  await writeLines(join(folder, "records.ndjson"), lines, ({ line }) => line, signal);
  await writeLines(
    join(folder, "proofs.ndjson"),
    lines,
    async ({ record: { position } }) => {
      const proof = await signed.tree.roots(inclusionPath(position - 1, signed.tree.size));
      return JSON.stringify({ position, proof: proof.map(toHex) });
    },
    signal,
  );
  await writeFile(join(folder, "manifest"), signer.sign(await manifestText(folder)));
}

/** In the form of `sha256sum`, below a title. It cannot be taken for a checkpoint, whose second line is a number. */
async function manifestText(folder: string): Promise<string> {
  const sums: string[] = [];
  for (const name of (await readdir(folder)).sort())
    sums.push(`${toHex(digest(await readFile(join(folder, name))))}  ${name}`);
  return `snapledger evidence 1\n${sums.join("\n")}\n`;
}

/** The period's records, and the event that closes it. */
async function* recordLines(
  log: LogAccess,
  { domain, position, data }: RecordOf<"EvidenceExported">,
): AsyncGenerator<StoredRecord> {
  const atOnce = 5000;
  for (let next = data.firstRevision; next <= data.lastRevision; next += atOnce)
    yield* await log.use((open) => revisions(open, domain ?? "", next, Math.min(next + atOnce - 1, data.lastRevision)));
  yield* await log.use(async (open) => {
    const closing: StoredRecord[] = [];
    for await (const stored of open.read({ from: position, to: position + 1 })) closing.push(stored);
    return closing;
  });
}

async function revisions(log: EventLog, domain: string, first: number, last: number): Promise<StoredRecord[]> {
  const found: StoredRecord[] = [];
  for await (const stored of log.readDomain(domain, { fromRevision: first })) {
    if ((stored.record.revision ?? 0) > last) break;
    found.push(stored);
  }
  return found;
}

async function writeLines(
  path: string,
  records: () => AsyncIterable<StoredRecord>,
  lineOf: (stored: StoredRecord) => string | Promise<string>,
  signal: AbortSignal | undefined,
): Promise<void> {
  async function* lines(): AsyncGenerator<string> {
    for await (const stored of records()) yield `${await lineOf(stored)}\n`;
  }
  await pipeline(Readable.from(lines()), createWriteStream(path), { ...(signal && { signal }) });
}
