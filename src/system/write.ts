import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";

const { O_CREAT, O_RDWR } = constants;
const blockBytes = 1024;

/**
 * Writes a small JSON text (0600) over what is there in one call, blanks after it: whoever is killed leaves the one
 * before or this one. Neither emptied first nor renamed over another, for which ext4 waits for the disk (measured:
 * 9 ms). Nothing is synced.
 */
export function overwrite(path: string, json: string): void {
  const fd = openSync(path, O_RDWR | O_CREAT, 0o600);
  try {
    const blocks = Math.ceil((Buffer.byteLength(json) + 1) / blockBytes);
    const bytes = Math.max(blocks * blockBytes, fstatSync(fd).size);
    const text = Buffer.alloc(bytes, " ");
    text.write(json);
    writeSync(fd, text, 0, bytes, 0);
  } finally {
    closeSync(fd);
  }
}
