import { shellQuote } from "../../errors.ts";
import type { Backing } from "../../events/plan.ts";
import type { DomainState } from "../../projections/state.ts";

/** In what a file is not what the log says. Plain JSON: it is recorded with the decision. */
export interface WrongFile {
  readonly path: string;
  readonly kind: "missing" | "unreadable" | "backing";
  /** Without the file's name. */
  readonly why: string;
  /** What its header names, for `backing`. */
  readonly found: { readonly path: string; readonly format: string | null } | null;
  /** What backs it by the log; null for a base image. */
  readonly logged: Backing | null;
}

/** `otherwise`: how to go on without them, after a comma. */
export function describe(
  state: DomainState,
  wrong: readonly WrongFile[],
  otherwise: string,
): { message: string; hint: string } {
  const missing = wrong.filter(({ kind }) => kind === "missing").map(({ path }) => path);
  const others = wrong
    .filter(({ kind }) => kind !== "missing")
    .map(({ path, why }) => `${path}: ${why.replace(/\.$/, "")}.`);
  const message = [
    ...(missing.length > 0 ? [`Files of domain "${state.name}" are missing: ${missing.join(", ")}.`] : []),
    ...(others.length > 0 ? [`Files of domain "${state.name}" are not what its log says: ${others.join(" ")}`] : []),
  ];
  return { message: message.join(" "), hint: `${repairHint(wrong)}${otherwise}.` };
}

/** Without `-u` a rebase writes whatever is needed for the file to read as it did. */
function repairHint([first]: readonly WrongFile[]): string {
  if (first?.kind === "missing") return "Is their file system mounted? If they are lost, put them back from a backup";
  if (first?.kind !== "backing" || !first.logged) return "Put it back from a backup";
  const { path, format } = first.logged;
  const rebase = `\`qemu-img rebase -f qcow2 -b ${shellQuote(path)} -F ${format} ${shellQuote(first.path)}\``;
  return `If it reads right, have it lead there, reading as it does, while nobody has it open: ${rebase} (never with -u). Else put it back from a backup`;
}
