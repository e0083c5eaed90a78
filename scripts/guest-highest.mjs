// guest-highest.mjs IMAGE...: prints the highest number that the counting guest has written to any of these qcow2 images.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "snapledger-highest-"));
let highest = 0;
for (const image of process.argv.slice(2)) {
  const raw = join(folder, "raw");
  // -U: a running guest reads these layers.
  execFileSync("qemu-img", ["convert", "-U", "-f", "qcow2", "-O", "raw", image, raw]);
  const disk = readFileSync(raw);
  for (let at = 2048 * 512; at < disk.length; at += 512) highest = Math.max(highest, disk.readUInt32LE(at));
}
rmSync(folder, { recursive: true });
console.log(highest);
