import { SnapledgerError } from "../../errors.ts";

/** A condition that cannot be understood: where, counted from 1, and why. */
export function invalid(text: string, at: number, why: string): SnapledgerError {
  return new SnapledgerError("INVALID_CONDITION", `At column ${at + 1} of the condition: ${why}.`, {
    facts: { condition: text, column: at + 1 },
    hint: `Here, after the arrow: ${text.slice(0, at)}→${text.slice(at)}`,
  });
}
