import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLevelEventLog, openLevelEventLog } from "../../src/events/level/level-log.ts";
import type { EventLog } from "../../src/events/log.ts";
import { memoryEventLog } from "../../src/events/memory-log.ts";
import { actor } from "../support/events.ts";
import { testEventLog } from "./event-log.ts";

testEventLog("memory", (parts) => {
  const disk: string[] = [];
  let fail = false;
  const afterWrite = (): void => {
    if (!fail) return;
    fail = false;
    throw new Error("no space left on device");
  };
  const open = (): EventLog => memoryEventLog({ ...parts, disk, faults: { afterWrite } });
  const log = open();
  return Promise.resolve({
    log,
    reopen: async () => (await log.close(), open()),
    failNextWrite: () => (fail = true),
    cleanUp: () => log.close(),
  });
});

testEventLog("level", async (parts) => {
  const folder = await mkdtemp(join(tmpdir(), "event-log-"));
  let fail = false;
  const afterBatch = (): void => {
    if (!fail) return;
    fail = false;
    throw new Error("no space left on device");
  };
  let log: EventLog = await createLevelEventLog(folder, { ...parts, actor, afterBatch });
  return {
    log,
    reopen: async () => {
      await log.close();
      return (log = await openLevelEventLog(folder, { ...parts, afterBatch }));
    },
    failNextWrite: () => (fail = true),
    cleanUp: async () => {
      await log.close();
      await rm(folder, { recursive: true });
    },
  };
});
