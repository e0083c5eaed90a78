import { readdirSync, readFileSync } from "node:fs";

/** A process by more than its pid, which is given to others in time. */
export interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly startTime: string;
  readonly bootId: string;
}

/** undefined when there is no such process, or one that has ended and was not yet waited for. */
export function processId(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in brackets and may itself hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, startTime] = [fields[0], fields[19]];
    if (state === "Z" || state === "X" || startTime === undefined) return undefined;
    return { pid, startTime, bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() };
  } catch {
    return undefined;
  }
}

export function isAlive({ pid, startTime, bootId }: ProcessId): boolean {
  const now = processId(pid);
  return now?.startTime === startTime && now.bootId === bootId;
}

/** The running processes of a program, one of whose arguments holds `part`. Those that are hidden from us are left out. */
export function processesOf(program: string, part: string): ProcessId[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || !isOf(name, program, part)) return [];
    return processId(Number(name)) ?? [];
  });
}

function isOf(pid: string, program: string, part: string): boolean {
  try {
    if (readFileSync(`/proc/${pid}/comm`, "utf8") !== `${program}\n`) return false;
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(part);
  } catch {
    return false;
  }
}
