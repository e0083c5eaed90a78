import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { qemuImg } from "./images.ts";

/** qcow2 files that are not fit to be written to, as a killed user or a fault leaves them. */

/** Written to by somebody who was killed: it is marked dirty, and its reference counts are behind its tables. */
export async function leaveDirty(path: string, offset: number, length: number, byte: number): Promise<void> {
  await qemuImg("amend", "-f", "qcow2", "-o", "lazy_refcounts=on", path);
  // Aborting ends the process by a signal.
  const writing = promisify(execFile)("qemu-io", [
    ...["-f", "qcow2", "-c", `write -P ${byte} ${offset} ${length}`, "-c", "flush", "-c", "abort", path],
  ]);
  const ended = await writing.then(
    () => "well",
    () => "killed",
  );
  if (ended !== "killed" || !isDirty(path)) throw new Error(`${path} is not dirty`);
}

export function isDirty(path: string): boolean {
  return (readFileSync(path).readBigUInt64BE(72) & 1n) === 1n;
}

/** The cluster of the first data that the file holds counts as free, although a table refers to it. */
export function loseRefcount(path: string): void {
  const file = readFileSync(path);
  const clusterBytes = 2 ** file.readUInt32BE(20);
  const mask = 0x00fffffffffffe00n;
  const l2 = Number(file.readBigUInt64BE(Number(file.readBigUInt64BE(40))) & mask);
  const entries = Array.from({ length: clusterBytes / 8 }, (_, n) => Number(file.readBigUInt64BE(l2 + 8 * n) & mask));
  const host = entries.find((entry) => entry !== 0);
  if (host === undefined) throw new Error(`${path} holds no data`);
  const block = Number(file.readBigUInt64BE(Number(file.readBigUInt64BE(48))));
  file.writeUInt16BE(0, block + 2 * (host / clusterBytes));
  writeFileSync(path, file);
}

/** As if its user had been killed: the mark alone. */
export function markDirty(path: string): void {
  const file = readFileSync(path);
  file.writeBigUInt64BE(file.readBigUInt64BE(72) | 1n, 72);
  writeFileSync(path, file);
}
