import type { FileFacts } from "../events/records.ts";

/**
 * Whether a base image is still the file that the log knows: by device and inode. The device numbers of network and
 * mapped disks may be others after a boot; then the file's size and time have to be those that were logged.
 */
export function isLoggedFile(logged: FileFacts, seen: FileFacts): boolean {
  if (logged.inode !== seen.inode) return false;
  return logged.device === seen.device || (logged.bytes === seen.bytes && logged.mtimeNs === seen.mtimeNs);
}
