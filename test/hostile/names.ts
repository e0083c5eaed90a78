import { isSnapledgerError } from "../../src/errors.ts";
import { escapeLine } from "../../src/cli/output/escape.ts";
import { momentFrom } from "../../src/cli/input/moment.ts";
import { machineClock } from "../../src/cli/input/times/wall-clock.ts";
import { checkName } from "../../src/commands/rules/names.ts";
import { parseCondition } from "../../src/projections/condition/parse.ts";
import type { Random } from "../support/random.ts";
import { refusedHere } from "../virsh/differences.ts";
import { claim, claimUnpolluted, refusalOr } from "./campaign.ts";
import type { Campaign } from "./campaign.ts";

/** Short texts that users give: names, times, conditions. */
export const names: Campaign = { name: "names", soak: 1_000_000, check: (drawn) => checkText(drawnText(drawn)) };

const pieces = [
  ...[
    "a",
    "Z",
    "0",
    "-",
    "--",
    "/",
    ".",
    "..",
    " ",
    "\t",
    "\n",
    "\0",
    "\u001b[31m",
    "\u007f",
    "\u009b",
    "\u00a0",
    "\u2028",
  ],
  ...[
    "\u202e",
    "\u2066",
    "\ufeff",
    "\ud800",
    "\udc00",
    "🙂",
    "e\u0301",
    "é",
    "\u1100\u1161",
    "\ufdfa",
    "雪",
    "\u200d",
    "\u3000",
  ],
  ...[
    "name",
    "snapshots",
    "=",
    "==",
    "!=",
    "<",
    ">=",
    "and",
    "or",
    "not",
    "(",
    ")",
    '"',
    "'",
    "\\",
    "count",
    "exists",
    "in",
  ],
  ...[
    "2026-11-25",
    "2026-02-30",
    "-2h",
    "99999999999 weeks",
    " ago",
    "yesterday",
    " 24:00",
    "T14:03",
    ":61",
    "Z",
    "+25:00",
    "99999999999999999999",
    "1e5",
    "current",
    "layers",
    "__proto__",
    "$",
    "%s",
  ],
];

export function drawnText(drawn: Random): string {
  const parts = Array.from({ length: drawn.below(9) }, () =>
    drawn.chance(80) ? drawn.one(pieces) : String.fromCharCode(drawn.below(0x10000)),
  );
  return parts.join(drawn.one(["", "", " "])).repeat(drawn.chance(3) ? 1 + drawn.below(200) : 1);
}

function checkText(text: string): string {
  const name = refusalOr(() => checkName("snapshot", text), ["INVALID_NAME"]);
  const why = refusedHere(text) ?? (/\p{Surrogate}/u.test(text) ? "it is no Unicode" : null);
  claim(isSnapledgerError(name) === (why !== null), () => `${JSON.stringify(text)}: ${why ?? "fit, but refused"}`);
  // These two repeat what they were given.
  const longest = 1000 + 2 * text.length;
  const condition = refusalOr(() => parseCondition(text), ["INVALID_CONDITION"], longest);
  const moment = refusalOr(() => momentFrom(text, "--at", { now: 0, clock: machineClock }), ["USAGE"], longest);
  for (const outcome of [name, condition, moment]) if (isSnapledgerError(outcome)) claimShowable(outcome.message);
  claimUnpolluted();
  return why === null ? "a fit name" : "an unfit name";
}

function claimShowable(message: string): void {
  const shown = escapeLine(message);
  claim(
    !/[\p{Cc}\p{Bidi_C}\p{Zl}\p{Zp}]|\p{Surrogate}/u.test(shown),
    () => `a terminal would act on ${JSON.stringify(shown)}`,
  );
}
