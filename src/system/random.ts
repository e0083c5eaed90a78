import { randomFillSync } from "node:crypto";
import type { Random } from "../events/ids.ts";

/** Asking the system for a few bytes at a time costs more than all else that an id needs. */
const poolBytes = 4096;

/** Bytes from the system's generator, fetched a pool at a time. Each is handed out once. */
export function systemRandom(): Random {
  let pool = new Uint8Array(0);
  return (bytes) => {
    if (bytes > poolBytes) return randomFillSync(new Uint8Array(bytes));
    if (pool.length < bytes) pool = randomFillSync(new Uint8Array(poolBytes));
    const taken = pool.subarray(0, bytes);
    pool = pool.subarray(bytes);
    return taken;
  };
}
