import { resolve } from "node:path";
import { SnapledgerError } from "../../errors.ts";

/** A path as the user gave it, from the folder that the command line is typed in. FILE_NOT_FOUND when that is gone. */
export function absolute(path: string): string {
  try {
    return resolve(path);
  } catch (cause) {
    throw new SnapledgerError("FILE_NOT_FOUND", `"${path}" leads nowhere: the working folder was removed.`, {
      facts: { path },
      hint: "Go to a folder that is there, or name the whole path.",
      cause,
    });
  }
}
