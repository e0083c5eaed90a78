import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isSnapledgerError, SnapledgerError } from "../errors.ts";
import { makeFolder, makeFolders, wrongPath } from "../system/folders.ts";
import { syncPath } from "../system/write.ts";
import { HeadFile } from "./head-file.ts";
import { asStoreError } from "../system/disk-errors.ts";
import type { LogHead } from "../events/log.ts";
import { checkEmpty, checkFit, storeLayout, unfinishedLog } from "./layout.ts";
import { lockStore } from "./lock/store-lock.ts";

/**
 * Makes a store in `folder`, which is made too if it is not there: folders 0700, files 0600. `makeLog` makes its
 * database in a folder of another name and says where it ends; that becomes the log at the very end, so that a store
 * is there whole or not at all. Rejects with STORE_EXISTS when there is a store or anything else in it, STORE_UNSAFE.
 */
export async function makeStore(folder: string, makeLog: (folder: string) => Promise<LogHead>): Promise<LogHead> {
  try {
    await prepareFolder(folder);
  } catch (error) {
    throw notMade(error, folder);
  }
  const lock = await lockStore(folder, waitMs);
  try {
    checkEmpty(folder);
    return await fill(folder, makeLog);
  } catch (error) {
    throw asStoreError(error, folder);
  } finally {
    await lock.release();
  }
}

const waitMs = 5000;

async function prepareFolder(folder: string): Promise<void> {
  try {
    makeFolders(dirname(folder));
    if (makeFolder(folder)) return;
  } catch (error) {
    if (existsSync(folder)) checkFit(folder);
    throw error;
  }
  checkFit(folder);
  await chmod(folder, 0o700);
}

/** There is no store yet whose disk or owner could be the matter: the path is. */
function notMade(error: unknown, folder: string): unknown {
  const why = isSnapledgerError(error) ? undefined : wrongPath((error as NodeJS.ErrnoException).code);
  if (why === undefined) return asStoreError(error, folder);
  return new SnapledgerError("STORE_UNSAFE", `No store can be made in ${folder}: ${why}.`, {
    facts: { folder, why },
    hint: "Name another folder, in one that this user may write to.",
    cause: error,
  });
}

async function fill(folder: string, makeLog: (folder: string) => Promise<LogHead>): Promise<LogHead> {
  const { log, head: headPath, layers, run, checkpoints } = storeLayout(folder);
  for (const part of [layers, run, checkpoints]) makeFolder(part);
  const unfinished = await mkdtemp(join(folder, unfinishedLog));
  // Each step comes after the one before it, so that no failure leaves a log without its head file.
  const takeBack = async (): Promise<void> => {
    if (existsSync(log)) await rename(log, unfinished);
    await rm(headPath, { force: true });
    await rm(unfinished, { recursive: true, force: true });
  };
  try {
    const head = await makeLog(unfinished);
    for (const file of await readdir(unfinished)) await chmod(join(unfinished, file), 0o600);
    await syncPath(unfinished);
    await rm(headPath, { force: true });
    HeadFile.create(headPath, { ...head, tables: 0 });
    await syncPath(folder);
    await rename(unfinished, log);
    for (const changed of [folder, dirname(folder)]) await syncPath(changed);
    return head;
  } catch (error) {
    await takeBack().catch(() => undefined);
    throw error;
  }
}
