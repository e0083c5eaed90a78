import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { SnapledgerError } from "../errors.ts";

/** The store's absolute folder: `--store`, else SNAPLEDGER_STORE, else the XDG data folder's `snapledger`. */
export function storeFolder(option: string | undefined, environment: NodeJS.ProcessEnv): string {
  if (option === "") throw new SnapledgerError("USAGE", "--store needs a folder.", { hint: "Give --store DIR." });
  const chosen = option ?? present(environment["SNAPLEDGER_STORE"]);
  if (chosen !== undefined) return resolve(chosen);
  // The XDG base directory specification: a relative path in the variable is to be ignored.
  const data = present(environment["XDG_DATA_HOME"]);
  return join(data?.startsWith("/") ? data : join(homedir(), ".local", "share"), "snapledger");
}

/** Where this user's last sight of each log is kept: the XDG state folder's `snapledger/heads`. */
export function knownHeadsFolder(environment: NodeJS.ProcessEnv): string {
  return join(stateFolder(environment), "heads");
}

/** The XDG state folder's `snapledger`: what this user's commands know from before, and no store needs. */
export function stateFolder(environment: NodeJS.ProcessEnv): string {
  const state = present(environment["XDG_STATE_HOME"]);
  return join(state?.startsWith("/") ? state : join(homedir(), ".local", "state"), "snapledger");
}

function present(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
