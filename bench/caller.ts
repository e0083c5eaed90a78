import { alice } from "../test/support/histories.ts";
import type { Caller } from "../src/connection/api.ts";

/** Who asks in benchmarks. */
export const caller: Caller = { ...alice, via: "library", pid: process.pid };
