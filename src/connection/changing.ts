/** What only a command that changes something, or asks a guest, needs: loaded with the first one, since it takes time to load. */
export { adopt } from "../commands/operation/adopt.ts";
export { handle } from "../commands/handle.ts";
export { recoverAll } from "../commands/recovery/recover-all.ts";
export { fileLocks } from "../store/lock/domain-lock.ts";
export { driverFor } from "../drivers/index.ts";
export { statePool } from "../queries/cache/state-pool.ts";
