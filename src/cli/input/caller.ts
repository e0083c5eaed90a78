import { readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import type { Caller } from "../../connection/api.ts";

/** What the kernel shows for a process that no login session owns: (uid_t) -1. */
const noLogin = 4294967295;

/** Who runs this process, as far as the kernel knows; SUDO_USER is only what the environment claims. */
export function processCaller(environment: NodeJS.ProcessEnv): Caller {
  const uid = process.getuid?.() ?? null;
  return {
    user: userName() ?? (uid === null ? "unknown" : `uid ${uid}`),
    uid,
    loginUid: loginUid(),
    sudoUser: environment["SUDO_USER"] ?? null,
    host: hostname(),
    via: "cli",
    knownBy: "process",
    pid: process.pid,
  };
}

/** undefined when the uid has no entry in the user database. */
function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

/** The audit login id, which survives su and sudo (proc(5)); null without a login, or without a kernel that tells. */
function loginUid(): number | null {
  try {
    const text = readFileSync("/proc/self/loginuid", "utf8").trim();
    const uid = Number(text);
    return text === "" || !Number.isSafeInteger(uid) || uid === noLogin ? null : uid;
  } catch {
    return null;
  }
}
