import { execFile, execFileSync } from "node:child_process";

/** virsh on libvirt's in-memory test driver, which needs no daemon. Its state lives and dies with one process. */

export interface Answer {
  readonly ok: boolean;
  /** All it printed, errors too, without newlines at the end. */
  readonly text: string;
}

/** A command as words; quoting is done here. */
export type Words = readonly string[];

const marker = "== next ==";

/** Whether it is installed, together with what runs it unbuffered: answers and errors have to come in order. */
export const haveVirsh = ((): boolean => {
  try {
    execFileSync("stdbuf", ["-o0", "virsh", "--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

/** One process runs all commands; an answer for each. A command that fails does not end it. */
export async function virsh(commands: readonly Words[]): Promise<Answer[]> {
  const script = commands.map((words) => `${words.map(quoted).join(" ")}; echo ${quoted(marker)}`).join("; ");
  const run = ["-c", 'exec stdbuf -o0 virsh -c test:///default "$1" 2>&1', "sh", script];
  const printed = await new Promise<string>((resolve, reject) => {
    const env = { ...process.env, TZ: "UTC", LC_ALL: "C.UTF-8" };
    execFile("sh", run, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout) => {
      if (error && typeof error.code !== "number") reject(new Error("virsh did not end by itself", { cause: error }));
      else resolve(stdout); // its status is that of the last command
    });
  });
  const answers = printed.split(`${marker}\n`).slice(0, -1);
  if (answers.length !== commands.length) throw new Error(`${commands.length} commands, ${answers.length} answers`);
  return answers.map(answered);
}

function answered(printed: string): Answer {
  return { ok: !/^error: /m.test(printed), text: ended(printed) };
}

/** The commands print one, two or no empty lines at their end. */
export function ended(text: string): string {
  return text.replace(/\n+$/, "");
}

function quoted(word: string): string {
  return `"${word.replace(/[\\"]/g, "\\$&")}"`;
}
