import { spawnSync } from "node:child_process";

/** Words before a command that run it in a network namespace of its own, as in a container; undefined where that is not allowed. */
export const elsewhere = [
  ["unshare", "--net"],
  ["unshare", "--map-root-user", "--net"],
].find(([command = "", ...args]) => spawnSync(command, [...args, "true"]).status === 0);
