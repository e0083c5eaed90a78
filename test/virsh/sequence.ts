import fc from "fast-check";
import { refusedHere } from "./differences.ts";
import type { Words } from "./virsh.ts";

/** What is done to a domain `test`, in words that both command lines have a verb for. */
export type Step =
  | { readonly do: "create"; readonly name: string; readonly description: string }
  | { readonly do: "start from"; readonly name: string }
  | { readonly do: "destroy" | "start" | "suspend" | "resume" }
  | { readonly do: "list"; readonly flags: readonly string[]; readonly from: string | null }
  /** Of one snapshot, or of the current one. */
  | { readonly do: "info" | "parent" | "xml"; readonly name: string | null }
  | { readonly do: "current" | "state" };

/** Names as people make them, those that shells, terminals and file systems trip over, and some that nobody should have. */
const oddNames = [
  ...["a", "b", "B", "C", "Z1", "z9", "z10", "_x", "before-upgrade", "2026-11-26", "007", "x.y", "~", "^", "[", "@"],
  ...["ünï x", "é", "É", "雪雪", "снимок", "🙂", "\uff21", "👩\u200d💻", "عربي", "á", "K"],
  ...["it's", 'a"b', "back\\slash", "$(reboot)", "`id`", "a;b", "#x", "%s", "*", "&", "<b>", "&amp;", "]]>", "a  b"],
  ...["--help", "-x", "a/b", "../up", ".", "..", ".hid", " lead", "trail ", "", "e\u0301", "n".repeat(255)],
  ...["n".repeat(256), "tab\tx", "rtl\u202ex", "new\nline", "bom\ufeff", "esc\u001b[2J", "\u00a0nbsp"],
];

/** virsh folds the case of ASCII letters alone when it compares names. */
export const folded = (name: string): string => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const anyName = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...oddNames.filter((name) => refusedHere(name) === null)) },
  { weight: 1, arbitrary: fc.constantFrom(...oddNames.filter((name) => refusedHere(name) !== null)) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }) },
  { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 8 }) },
);

/** Names that differ in case alone are kept apart from this: see the test of their order. */
const someNames = fc.uniqueArray(anyName, { selector: folded, minLength: 3, maxLength: 10, size: "max" });

const flags = [
  ...["tree", "name", "parent", "roots", "leaves", "no-leaves", "descendants", "topological"],
  ...["inactive", "active", "disk-only"],
];

function steps(names: readonly string[]): fc.Arbitrary<Step[]> {
  const name = fc.constantFrom(...names);
  const orCurrent = fc.option(name, { freq: 4 });
  const description = fc.constantFrom("", "why not", "<&>\"'", " two  words ");
  const step = fc.oneof(
    { weight: 12, arbitrary: fc.record({ do: fc.constant("create" as const), name, description }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("start from" as const), name }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("destroy", "start", "suspend", "resume") }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("list" as const),
        flags: fc.uniqueArray(fc.constantFrom(...flags), { maxLength: 3 }),
        from: fc.option(name, { freq: 2 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("info", "parent", "xml"), name: orCurrent }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("current", "state") }) },
  );
  return fc
    .noBias(fc.array(step, { minLength: 1, maxLength: 40, size: "max" }))
    .map((some) => [...some, ...everything(names)]);
}

/** All there is to ask, at the end. */
function everything(names: readonly string[]): Step[] {
  const lists = [[], ["tree"], ["name"], ["parent"], ["name", "roots"], ["name", "leaves"], ["name", "no-leaves"]];
  const filters = [["name", "inactive"], ["name", "active"], ["name", "topological"], ["name", "disk-only"]]; // prettier-ignore
  return [
    ...[...lists, ...filters].map((flags) => ({ do: "list" as const, flags, from: null })),
    ...names.flatMap((name): Step[] => [
      ...(["info", "xml"] as const).map((what) => ({ do: what, name })),
      { do: "list", flags: ["tree", "descendants"], from: name },
    ]),
    ...(["info", "parent"] as const).map((what) => ({ do: what, name: null })),
    ...[{ do: "current" as const }, { do: "state" as const }],
  ];
}

export const sequence: fc.Arbitrary<Step[]> = someNames.chain(steps);

/** The same for virsh, always one command. */
export function inVirsh(step: Step): Words {
  switch (step.do) {
    case "create": {
      const described = step.description === "" ? [] : ["--description", step.description];
      return ["snapshot-create-as", "test", "--name", step.name, ...described];
    }
    case "start from":
      return ["snapshot-revert", "test", "--snapshotname", step.name];
    case "list":
      return listing(step, (name) => ["--from", name]);
    case "info":
    case "parent":
      return [`snapshot-${step.do}`, "test", ...(step.name === null ? ["--current"] : ["--snapshotname", step.name])];
    case "xml":
      return step.name === null
        ? ["snapshot-current", "test"]
        : ["snapshot-dumpxml", "test", "--snapshotname", step.name];
    case "current":
      return ["snapshot-current", "test", "--name"];
    case "state":
      return ["domstate", "test"];
    default:
      return [step.do, "test"];
  }
}

/** The question in our words; what changes something takes more than one command at times, see `Both`. */
export function question(step: Step): Words {
  switch (step.do) {
    case "list":
      return listing(step, (name) => [`--from=${name}`]);
    case "info":
    case "parent":
      return [`snapshot-${step.do}`, ...(step.name === null ? ["test", "--current"] : ["--", "test", step.name])];
    case "xml":
      return step.name === null ? ["snapshot-current", "test"] : ["snapshot-dumpxml", "--", "test", step.name];
    case "current":
      return ["snapshot-current", "test", "--name"];
    default:
      return ["domstate", "test"];
  }
}

function listing({ flags, from }: Step & { do: "list" }, fromWords: (name: string) => Words): Words {
  return ["snapshot-list", "test", ...flags.map((flag) => `--${flag}`), ...(from === null ? [] : fromWords(from))];
}
