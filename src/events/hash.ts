import { hash } from "node:crypto";
import type { Hash } from "./seal.ts";

/** One-shot `crypto.hash` is about 2.4 times as fast as `createHash`. */
export const sha256: Hash = (text) => hash("sha256", text, "hex");
