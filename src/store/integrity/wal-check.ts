import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { storedCrc } from "./crc32c.ts";
import { damaged } from "../../events/damage.ts";

/**
 * LevelDB dies of a write-ahead log that holds what is whole but no batch, such as a manifest under its name: an
 * assertion fails (measured). So each is looked at before it is let in. What is cut or has a wrong checksum, LevelDB
 * drops by itself. Rejects with LOG_DAMAGED.
 */
export function checkLogs(folder: string): void {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".log"))) {
    const path = join(folder, name);
    if (!holdsBatches(readFileSync(path))) throw damaged(0, `${path} is no write-ahead log`);
  }
}

const blockBytes = 32768;
const headerBytes = 7;
const [full, first] = [1, 2];
/** A batch begins with its sequence number, of 56 bits in 64, and the count of its entries. */
const batchHeaderBytes = 12;
const highestByte = 7;

export function holdsBatches(log: Buffer): boolean {
  for (let block = 0; block < log.length; block += blockBytes) {
    const end = Math.min(block + blockBytes, log.length);
    for (let at = block; at + headerBytes <= end;) {
      const length = log.readUInt16LE(at + 4);
      const type = log[at + 6] ?? 0;
      const payload = log.subarray(at + headerBytes, at + headerBytes + length);
      const begins = (type === full || type === first) && at + headerBytes + length <= end;
      if (begins && !mayBeBatch(payload, type) && isWhole(log, at, length)) return false;
      at += headerBytes + length;
    }
  }
  return true;
}

function isWhole(log: Buffer, at: number, length: number): boolean {
  return log.readUInt32LE(at) === storedCrc(log.subarray(at + 6, at + headerBytes + length));
}

/** Of one that goes on in the next block there may be as little as nothing at the end of this one. */
function mayBeBatch(payload: Buffer, type: number): boolean {
  if (payload.length < batchHeaderBytes && type === full) return false;
  return payload.length <= highestByte || payload[highestByte] === 0;
}
