/** What only a command that changes something needs: loaded with the first one, since it takes time to load. */
export { handle } from "./commands/handle.ts";
export { fileLocks } from "./commands/locks.ts";
export { driverFor } from "./drivers/index.ts";
