import { GuestFolder } from "../../src/drivers/qemu/folder.ts";
import { Qmp } from "../../src/drivers/qemu/qmp.ts";

/** What tests do to a real guest that the driver never would. */

/** A command of QEMU's human monitor, and what it prints. */
export async function monitor(run: string, domain: string, line: string): Promise<string> {
  const qmp = await new GuestFolder(run, domain).withSocket("look.sock", (path) => Qmp.connect(path));
  try {
    return (await qmp.execute("human-monitor-command" as "qom-get", { "command-line": line } as never)) as string;
  } finally {
    qmp.close();
  }
}

/** Through the guest's own disk, as its driver would; on disk when it resolves. */
export async function writeInGuest(
  run: string,
  domain: string,
  { target, offset, length, byte }: { target: string; offset: number; length: number; byte: number },
): Promise<void> {
  const device = `/machine/peripheral/${target}/virtio-backend`;
  for (const command of [`write -P ${byte} ${offset} ${length}`, "flush"]) {
    const said = await monitor(run, domain, `qemu-io -d ${device} "${command}"`);
    if (/error|failed|invalid/i.test(said)) throw new Error(said);
  }
}

/** kill -9, and until the process is gone. */
export async function killGuest(run: string, domain: string): Promise<void> {
  const folder = new GuestFolder(run, domain);
  const guest = folder.living();
  if (guest) process.kill(guest.process.pid, "SIGKILL");
  for (let times = 0; times < 500 && folder.living(); times++) await new Promise((done) => setTimeout(done, 5));
}
