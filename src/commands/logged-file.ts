import type { FileFacts } from "../events/records.ts";
import { listed } from "../projections/wording.ts";

/**
 * Whether a base image is still the file that the log knows: by device and inode. The device numbers of network and
 * mapped disks may be others after a boot, and a file that was put back from a backup by 'cp -a' has another inode: then
 * all else has to be as it was logged, the time to the nanosecond.
 */
export function isLoggedFile(logged: FileFacts, seen: FileFacts): boolean {
  if (logged.device === seen.device && logged.inode === seen.inode) return true;
  return told.every(([field]) => logged[field] === seen[field]);
}

const told = [
  ["path", "path"],
  ["format", "format"],
  ["bytes", "length"],
  ["virtualBytes", "virtual size"],
  ["mtimeNs", "time of change"],
] as const;

/** In what a file differs that is not the one that the log knows: `length and time of change`. */
export function differences(logged: FileFacts, seen: FileFacts): string {
  return listed(told.flatMap(([field, words]) => (logged[field] === seen[field] ? [] : [words])));
}
