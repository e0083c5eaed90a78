import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { SnapledgerError } from "../../errors.ts";
import { absolute } from "./absolute.ts";

/** The store's absolute folder: `--store`, else SNAPLEDGER_STORE, else the XDG data folder's `snapledger`. */
export function storeFolder(option: string | undefined, environment: NodeJS.ProcessEnv): string {
  if (option === "") throw new SnapledgerError("USAGE", "--store needs a folder.", { hint: "Give --store DIR." });
  const chosen = option ?? present(environment["SNAPLEDGER_STORE"]);
  if (chosen !== undefined) return absolute(chosen);
  // The XDG base directory specification: a relative path in the variable is to be ignored.
  const data = present(environment["XDG_DATA_HOME"]);
  return join(data?.startsWith("/") ? data : join(homedir(), ".local", "share"), "snapledger");
}

/** Where this user's last sight of each log is kept: the XDG state folder's `snapledger/heads`. */
export function knownHeadsFolder(environment: NodeJS.ProcessEnv): string | undefined {
  const state = stateFolder(environment);
  return state && join(state, "heads");
}

/**
 * The XDG state folder's `snapledger`: what this user's commands know from before, and no store needs. undefined when
 * it would lie in a home that is not there: users of services have none, and are not given one.
 */
export function stateFolder(environment: NodeJS.ProcessEnv): string | undefined {
  const state = present(environment["XDG_STATE_HOME"]);
  if (state?.startsWith("/")) return join(state, "snapledger");
  const home = homedir();
  return existsSync(home) ? join(home, ".local", "state", "snapledger") : undefined;
}

function present(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
