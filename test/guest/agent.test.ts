import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { thawFileSystems, withFrozenFileSystems } from "../../src/drivers/qemu/agent.ts";
import { GuestFolder } from "../../src/drivers/qemu/folder.ts";
import { fuse } from "../support/faults.ts";
import { freshFolder } from "../support/folders.ts";
import { refused } from "../support/world.ts";
import { counting } from "../support/counter.ts";
import type { Counting } from "../support/counter.ts";

/** --quiesce. The guest of these tests has no agent: one stands in for it on the channel's socket, or nobody does. */

const quiesced = { diskOnly: true, quiesce: true };

/** Speaks as qemu-guest-agent does; what it was asked, and which heads the guest wrote to then. */
class StandIn {
  frozen = false;
  refuses = new Set<string>();
  readonly asked: [request: string, heads: readonly string[]][] = [];
  readonly #heads: () => Promise<readonly string[]>;

  private constructor(heads: () => Promise<readonly string[]>) {
    this.#heads = heads;
  }

  static async of(guest: Counting): Promise<StandIn> {
    const agent = new StandIn(() => guest.world.driver.guestHeads(guest.uuid));
    const path = new GuestFolder(guest.run, guest.uuid).file("agent.sock");
    rmSync(path);
    const server = createServer((client) => agent.#serve(client));
    server.listen(path);
    await once(server, "listening");
    onTestFinished(() => void server.close());
    return agent;
  }

  #serve(client: Socket): void {
    // What somebody before was answered, and never read.
    client.write('{"return": 17}\n');
    let heard = Buffer.alloc(0);
    client.on("error", () => undefined);
    client.on("data", (bytes: Buffer) => {
      heard = Buffer.concat([heard, bytes]);
      for (let end = heard.indexOf("\n"); end >= 0; end = heard.indexOf("\n")) {
        const line = heard.subarray(heard.lastIndexOf(0xff, end) + 1, end).toString();
        heard = heard.subarray(end + 1);
        const { execute, arguments: given } = JSON.parse(line) as { execute: string; arguments?: { id: number } };
        void this.#answer(execute, given?.id).then((answer) => client.write(answer));
      }
    });
  }

  async #answer(request: string, id?: number): Promise<Buffer> {
    if (id !== undefined) return Buffer.concat([Buffer.from([0xff]), Buffer.from(`{"return": ${id}}\n`)]);
    this.asked.push([request, await this.#heads()]);
    if (this.refuses.has(request)) return Buffer.from('{"error": {"class": "GenericError", "desc": "not today"}}\n');
    this.frozen = request === "guest-fsfreeze-freeze";
    return Buffer.from('{"return": 1}\n');
  }
}

async function withAgent(): Promise<{ guest: Counting; agent: StandIn }> {
  const guest = await counting({ guestAgent: true });
  await guest.boot();
  await guest.counts(3);
  return { guest, agent: await StandIn.of(guest) };
}

test("file systems are frozen before the guest is moved and thawed after it, and the event says so", async () => {
  const { guest, agent } = await withAgent();
  const before = await guest.heads();
  await guest.create("settled", quiesced);
  const after = await guest.heads();
  expect(agent.asked).toEqual([
    ["guest-fsfreeze-freeze", before],
    ["guest-fsfreeze-thaw", after],
    ["guest-fsfreeze-thaw", after],
  ]);
  expect(guest.world.records().at(-1)).toMatchObject({ type: "SnapshotCreated", data: { quiesced: true } });
  await guest.counts(3);
});

test("an agent that refuses to freeze is told in its own words; the guest goes on on what it had, thawed", async () => {
  const { guest, agent } = await withAgent();
  agent.refuses.add("guest-fsfreeze-freeze");
  const before = await guest.heads();
  const error = await refused(guest.create("settled", quiesced), "DRIVER_FAILED");
  expect(error.message).toMatch(/freeze: not today$/);
  expect(error.hint).toMatch(/leave --quiesce out/);
  expect(agent.asked.map(([request]) => request)).toContain("guest-fsfreeze-thaw");
  expect(await guest.heads()).toEqual(before);
  expect(guest.world.types().slice(-2)).toEqual(["OperationStarted", "OperationFailed"]);
  await guest.counts(3);
});

test("one that does not thaw is told although the snapshot is made, and the log has both", async () => {
  const { guest, agent } = await withAgent();
  agent.refuses.add("guest-fsfreeze-thaw");
  const error = await refused(guest.create("settled", quiesced), "DRIVER_FAILED");
  expect(error.hint).toMatch(/^The snapshot is made, .*frozen.*fsfreeze --unfreeze/);
  expect(guest.world.types().slice(-3)).toEqual(["OperationStarted", "SnapshotCreated", "OperationFailed"]);
  expect((await guest.world.state(guest.uuid)).byName.has("settled")).toBe(true);
});

test("what a manager that died left frozen, recovery thaws", async () => {
  const { guest, agent } = await withAgent();
  const counted = fuse();
  await guest.world.run(guest.creating("one", quiesced), { fuse: counted });
  const at = counted.points.indexOf("before freeze") + 1;
  await expect(guest.world.run(guest.creating("two", quiesced), { fuse: fuse(at) })).rejects.toThrow("before freeze");
  agent.frozen = true;
  await guest.world.recover(guest.uuid);
  expect(agent.frozen).toBe(false);
  expect(guest.world.records().at(-1)).toMatchObject({ type: "OperationFailed", data: { command: "CreateSnapshot" } });
});

test("nobody answers: it says so and moves nothing; memories are saved and resumed with the channel", async () => {
  const guest = await counting({ guestAgent: true });
  await guest.boot();
  await guest.counts(3);
  const error = await refused(guest.create("settled", quiesced), "DRIVER_FAILED");
  expect(error.message).toMatch(/has not answered guest-sync-delimited within 5 seconds/);
  expect(error.hint).toMatch(/^Is qemu-guest-agent running in the guest\?/);
  const counted = await guest.counts(3);
  await guest.create("warm");
  await guest.destroy();
  await guest.startFrom("warm", { paused: true });
  expect(await guest.expectOneInstant()).toBeGreaterThanOrEqual(counted);
  await guest.resume();
  await guest.counts(3);
}, 60_000);

const program = "/usr/sbin/qemu-ga";
/** This one must never freeze anything: it would be this machine's own file systems. */
const blocked = "guest-fsfreeze-freeze,guest-fsfreeze-freeze-list,guest-fsfreeze-thaw,guest-shutdown,guest-exec";

test.skipIf(!existsSync(program))("the real agent is understood, also in what it refuses", async () => {
  const help = spawnSync(program, ["--block-rpcs=help"], { encoding: "utf8" }).stdout;
  for (const command of blocked.split(",")) expect(help).toContain(command);
  const folder = new GuestFolder(freshFolder(), "guest");
  await folder.prepare();
  const [socket, state] = [folder.file("agent.sock"), folder.path];
  const args = ["-m", "unix-listen", "-p", socket, "-t", state, "-f", folder.file("pid"), `--block-rpcs=${blocked}`];
  const agent = spawn(program, args, { stdio: "ignore" });
  onTestFinished(() => void agent.kill());
  for (let times = 0; times < 500 && !existsSync(socket); times++) await sleep(10);
  const nothing = () => Promise.reject(new Error("went on without a freeze"));
  await expect(withFrozenFileSystems(folder, nothing)).rejects.toMatchObject({
    code: "DRIVER_FAILED",
    message: expect.stringMatching(/refused guest-fsfreeze-freeze: .*(disabled|blocked)/i) as string,
  });
  await expect(thawFileSystems(folder)).rejects.toThrow(/refused guest-fsfreeze-thaw/);
});
