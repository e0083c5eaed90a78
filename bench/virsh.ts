import { spawnSync } from "node:child_process";
import { Dialogue } from "./dialogue.ts";
import { parentOf } from "./history.ts";

/** virsh on its simulated host, which lives in RAM as long as the process: one process for many commands. */

export const noVirsh = (): string | undefined =>
  spawnSync("virsh", ["--version"]).status === 0 ? undefined : "virsh is not installed (Debian: libvirt-clients)";

/** With so many snapshots of the domain `test`, in a tree of the same shape as ours. `home`: where it may write. */
export async function virshWith(snapshots: number, home: string): Promise<Dialogue> {
  const env = { PATH: process.env["PATH"], HOME: home, XDG_CACHE_HOME: home, TZ: "UTC", LC_ALL: "C" };
  const virsh = new Dialogue("virsh", ["-c", "test:///default"], env);
  const lines: string[] = [];
  for (let i = 0; i < snapshots; i++) {
    if (i > 0 && parentOf(i) !== i - 1) lines.push(`snapshot-revert test s${parentOf(i)}`);
    lines.push(`snapshot-create-as test s${i}`);
  }
  await virsh.say(lines);
  return virsh;
}
