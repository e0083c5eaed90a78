// replaceFolder(FRESH, FOLDER): FRESH becomes FOLDER, and what was there is removed.
import { renameSync, rmSync } from "node:fs";

/**
 * Linux renames no folder over one that holds files, and Node cannot exchange two. So there are two renames, and no
 * FOLDER for the microseconds between them. Others may do the same at the same time: the last one stays.
 */
export function replaceFolder(fresh, folder) {
  const old = `${fresh}-old`;
  for (;;) {
    const wasThere = rename(folder, old, "ENOENT");
    let replaced;
    try {
      replaced = rename(fresh, folder, "ENOTEMPTY", "EEXIST");
    } catch (error) {
      if (wasThere) renameSync(old, folder);
      throw error;
    }
    rmSync(old, { recursive: true, force: true });
    if (replaced) return;
  }
}

/** False for one of these errors. */
function rename(from, to, ...expected) {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (expected.includes(error.code)) return false;
    throw error;
  }
}
