import { expect, test } from "vitest";
import { asOpenError } from "../../../../src/events/level/errors.ts";
import { diskTrouble } from "../../../../src/system/disk-errors.ts";

test.each([
  ["ENOSPC", "DISK_FULL"],
  ["ENOSPC: no space left on device, write", "DISK_FULL"],
  ["IO error: /s/log/000005.log: No space left on device", "DISK_FULL"],
  ["EROFS: read-only file system, open '/s/run/log.json'", "STORE_UNSAFE"],
  ["IO error: /s/log/LOCK: Read-only file system", "STORE_UNSAFE"],
  ["IO error: /s/log/LOCK: Permission denied", "STORE_UNSAFE"],
  ["EIO", "LOG_UNWRITABLE"],
  ["IO error: /s/log/000005.ldb: Input/output error", "LOG_UNWRITABLE"],
  ["IO error: /s/log/000005.ldb: Too many open files", "LOG_UNWRITABLE"],
])("%j is trouble with the disk", (said, code) => {
  expect(diskTrouble(said, "/s", undefined)?.code).toBe(code);
});

test.each([
  "IO error: /srv/EIO/log/CURRENT: No such file or directory",
  "IO error: /srv/No space left/log/MANIFEST-000004: No such file or directory",
  "IO error: /s/log/MC4CAQAwBQYDK2VwBCIEIEIO: No such file or directory",
  "Corruption: EACCES",
])("%j is damage, whatever the names in it look like", (said) => {
  expect(diskTrouble(said, "/s", undefined)).toBeUndefined();
  expect(asOpenError(new Error(said), "/s").code).toBe("LOG_DAMAGED");
});
