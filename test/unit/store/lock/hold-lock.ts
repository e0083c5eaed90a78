import { spawn } from "node:child_process";
import { fileLocks } from "../../../../src/store/lock/domain-lock.ts";

/** Takes the lock named by its arguments, starts a program under it, and tells its parent that program's pid. */
const [, , folder = "", logId = "", domain = ""] = process.argv;
const holder = { pid: process.pid, host: "hv1", user: "ana", verb: "MergeSnapshot" };
const lock = await fileLocks(folder, { clock: Date.now }).lockDomain({ logId, domain, holder, waitMs: 0 });
lock.operation("operation-1");
const program = spawn("sleep", ["60"], { stdio: "ignore", detached: true });
lock.child(program.pid ?? 0);
process.send?.(program.pid);
setInterval(() => undefined, 60_000);
