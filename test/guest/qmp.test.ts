import { spawn } from "node:child_process";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Qmp, QmpError } from "../../src/drivers/qemu/qmp.ts";
import { freshFolder } from "../support/folders.ts";

/** The control connection against a real QEMU without disks, and against impostors. */

async function qemu(): Promise<{ path: string; kill: () => void }> {
  const path = join(freshFolder(), "qmp.sock");
  const machine = ["-nodefaults", "-display", "none", "-machine", "pc,accel=tcg", "-m", "16", "-S"];
  const child = spawn("qemu-system-x86_64", [...machine, "-qmp", `unix:${path},server=on,wait=off`]);
  const kill = () => void child.kill("SIGKILL");
  onTestFinished(kill);
  for (let times = 0; times < 500; times++) {
    const first = await Qmp.connect(path).catch(() => undefined);
    first?.close();
    if (first) return { path, kill };
    await new Promise((done) => setTimeout(done, 10));
  }
  throw new Error("QEMU does not listen");
}

async function connected(path: string, timeoutMs?: number): Promise<Qmp> {
  const qmp = await Qmp.connect(path, timeoutMs === undefined ? {} : { timeoutMs });
  onTestFinished(() => qmp.close());
  return qmp;
}

/** Listens in QEMU's place and does with a client what it is told to. */
async function impostor(meet: (client: Socket) => void): Promise<string> {
  const path = join(freshFolder(), "qmp.sock");
  const server: Server = createServer(meet);
  await new Promise<void>((done) => server.listen(path, done));
  onTestFinished(() => void server.close());
  return path;
}

const greeting = '{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}}, "capabilities": []}}\r\n';

test("answers go to whoever asked, also when several ask at once", async () => {
  const qmp = await connected((await qemu()).path);
  const [status, type, again] = await Promise.all([
    qmp.execute("query-status"),
    qmp.execute("qom-get", { path: "/machine", property: "type" }),
    qmp.execute("query-status"),
  ]);
  expect([status.status, again.status]).toEqual(["prelaunch", "prelaunch"]);
  expect(type).toMatch(/^pc-i440fx-.*-machine$/);
  expect(qmp.version.major).toBeGreaterThanOrEqual(6);
});

test("a refusal has QEMU's class and words, and the connection goes on", async () => {
  const qmp = await connected((await qemu()).path);
  const refused: unknown = await qmp.execute("blockdev-del", { "node-name": "none" }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(QmpError);
  expect(refused).toMatchObject({
    qmpClass: "GenericError",
    message: expect.stringMatching(/^blockdev-del: .*none/) as unknown,
  });
  expect((await qmp.execute("query-status")).running).toBe(false);
});

test("events ring, and wake whoever waits for what they tell", async () => {
  const qmp = await connected((await qemu()).path);
  const seen: string[] = [];
  qmp.events.on("event", ({ event }) => seen.push(event));
  const running = qmp.until(async () => ((await qmp.execute("query-status")).running ? true : undefined));
  await qmp.execute("cont");
  expect(await running).toBe(true);
  expect(seen).toContain("RESUME");
});

test("who comes second is not greeted, and is told that somebody else is there", async () => {
  const { path } = await qemu();
  const first = await connected(path);
  await expect(Qmp.connect(path, { timeoutMs: 200 })).rejects.toMatchObject({ code: "GUEST_BUSY" });
  first.close();
  await connected(path, 5000);
});

test("when QEMU is killed, everything waiting fails, and so does everything after", async () => {
  const { path, kill } = await qemu();
  const qmp = await connected(path);
  const waiting = qmp.until(() => qmp.execute("query-status").then(() => undefined));
  kill();
  await expect(waiting).rejects.toMatchObject({ code: "GUEST_GONE" });
  await expect(qmp.execute("query-status")).rejects.toMatchObject({ code: "GUEST_GONE" });
  expect(qmp.gone).toBe(true);
  await expect(Qmp.connect(path)).rejects.toThrow(/ECONNREFUSED|ECONNRESET/);
});

test("a command that is not answered in time may still be carried out: nothing says that it was cancelled", async () => {
  const heard: string[] = [];
  const path = await impostor((client) => {
    client.write(greeting);
    client.on("data", (bytes) => {
      heard.push(bytes.toString());
      if (heard.length === 1) client.write('{"return": {}, "id": 1}\r\n');
    });
  });
  const qmp = await connected(path, 100);
  await expect(qmp.execute("quit")).rejects.toMatchObject({
    code: "GUEST_BUSY",
    message: expect.stringMatching(/may still do so/) as unknown,
  });
  expect(heard.join("")).toContain('"execute":"quit"');
  expect(qmp.gone).toBe(false);
});

test("what is not QEMU is not talked to", async () => {
  const path = await impostor((client) => void client.write("220 mail.example ESMTP\r\n"));
  await expect(Qmp.connect(path)).rejects.toMatchObject({ code: "DRIVER_FAILED" });
});

test("what was meant for the client before may come ahead of the greeting", async () => {
  const path = await impostor((client) => {
    client.write(
      `{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}\r\n{"return": {}, "id": 9}\r\n${greeting}`,
    );
    client.on("data", () => client.write('{"return": {}, "id": 1}\r\n'));
  });
  expect((await connected(path, 1000)).version).toMatchObject({ major: 7 });
});
