import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";

/** What figures depend on, in one line. The disk is that of the temporary folder, where all is measured. */
export function machine(): string {
  const [type = "?", size = "?"] = diskOf(tmpdir());
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const cpu = `${cpus().length} x ${cpus()[0]?.model ?? "?"}`;
  return `${cpu}, ${memory}, Linux ${release()}, Node ${process.version}, ${type} (${size}), load ${load()}`;
}

/** Of the last minute, five and fifteen. A machine that is busy with other things measures these. */
export function load(): string {
  return loadavg()
    .map((average) => average.toFixed(1))
    .join(" ");
}

/** File system and size. */
function diskOf(folder: string): string[] {
  const lines = execFileSync("df", ["--output=fstype,size", "-h", folder], { encoding: "utf8" }).trim().split("\n");
  return (lines[1] ?? "").trim().split(/\s+/);
}
