import { openStore } from "../../../src/store/store.ts";

/** Opens the store in its first argument, says so to its parent, and keeps it until it is killed. */
const [, , folder = ""] = process.argv;
const store = await openStore(folder, { clock: Date.now, newId: () => "", waitMs: 0, hold: true, verb: "hold" });
await store.use((log) => log.head());
process.send?.("held");
setInterval(() => undefined, 60_000);
