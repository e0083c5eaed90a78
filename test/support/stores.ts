import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { EventRecord } from "../../src/events/events.ts";
import type { LogAccess } from "../../src/events/log.ts";
import { initStore, openStore, type OpenOptions } from "../../src/store/store.ts";
import { actor, stopped } from "./events.ts";
import { freshFolder } from "./folders.ts";

/** Real stores, for tests of what becomes of their files. */

export const domain = "0190a000-0000-7000-8000-00000000000a";
let ids = 0;
export const parts = {
  clock: () => Date.UTC(2026, 0, 1),
  newId: () => `0190a000-0000-7000-9000-${String(++ids).padStart(12, "0")}`,
};

export async function freshStore(): Promise<string> {
  const folder = join(freshFolder(), "store");
  await initStore(folder, { ...parts, actor });
  return folder;
}

export async function opened<T>(
  folder: string,
  work: (store: LogAccess) => Promise<T>,
  options: Partial<OpenOptions> = {},
): Promise<T> {
  const store = await openStore(folder, { ...parts, waitMs: 0, hold: true, ...options });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Appends so many records, each in a group of its own, and closes cleanly: they lie in the write-ahead log alone. */
export async function append(folder: string, count: number): Promise<void> {
  await opened(folder, (store) =>
    store.use(async (log) => {
      for (let n = 0; n < count; n++) await log.append([stopped(domain)]);
    }),
  );
}

export async function records(folder: string): Promise<EventRecord[]> {
  return opened(folder, (store) =>
    store.use(async (log) => {
      const all: EventRecord[] = [];
      for await (const { record } of log.read()) all.push(record);
      return all;
    }),
  );
}

export async function lastPosition(folder: string): Promise<number> {
  return (await records(folder)).length;
}

/** Every file below a folder with its content, to see whether anything changed. */
export function contents(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
  return new Map(files.sort().map((name) => [name, readFileSync(join(folder, name), "latin1")]));
}

/** Copies the files of one folder into another, which is made. */
export function copyFiles(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) copyFileSync(join(from, name), join(to, name));
}

/** The database's only write-ahead log. */
export function writeAheadLog(folder: string): string {
  const [name = "", ...more] = readdirSync(join(folder, "log")).filter((file) => file.endsWith(".log"));
  if (name === "" || more.length > 0) throw new Error(`not one write-ahead log: ${[name, ...more].join(", ")}`);
  return join(folder, "log", name);
}
