import { expect } from "vitest";
import { parseXml, childrenNamed, textOf } from "../../src/xml/parse.ts";
import { Inside } from "../support/in-process-cli.ts";
import type { Ran } from "../support/built-cli.ts";
import { bytesOf } from "../support/xml.ts";
import { refusedHere } from "./differences.ts";
import { folded, inVirsh, question } from "./sequence.ts";
import type { Step } from "./sequence.ts";
import { ended, virsh } from "./virsh.ts";
import type { Answer, Words } from "./virsh.ts";

/** How many things were compared, to see that it was not nothing. */
export interface Tally {
  created: number;
  started: number;
  refused: number;
  listed: number;
}

/** What our command line is reached through: in this process, or as a process of its own. */
export interface Ours {
  run(...args: readonly string[]): Promise<Ran>;
}

export async function simulated(): Promise<Inside> {
  const inside = new Inside();
  await defineTest(inside);
  return inside;
}

/** As virsh's test driver has it: a domain `test` with a disk, and it runs. */
export async function defineTest(ours: Ours): Promise<void> {
  await did(ours, "define", "--name", "test", "--driver", "memory", "--disk", "vda=/guest/diskimage1");
  await did(ours, "start", "test");
}

async function did(ours: Ours, ...args: Words): Promise<string> {
  const { status, stdout, stderr } = await ours.run(...args);
  expect({ args, status, stderr }).toMatchObject({ args, status: 0 });
  return stdout;
}

/** Does the same on both sides, and compares after every step. Throws at the first difference that is not a listed one. */
export async function compare(steps: readonly Step[], ours: Ours, tally: Tally): Promise<void> {
  const told = await virsh(steps.flatMap((step) => [inVirsh(step), ...takenBack(step)]));
  const both = new Both(ours, tally);
  for (let i = 0, at = 0; i < steps.length; i++) {
    const step = steps[i]!;
    await both.step(step, told[at]!);
    at += 1 + takenBack(step).length;
  }
}

/** A name that only virsh takes is removed again there, which makes its parent current, as before. */
function takenBack(step: Step): readonly Words[] {
  return step.do === "create" && refusedHere(step.name) !== null
    ? [["snapshot-delete", "test", "--snapshotname", step.name]]
    : [];
}

/** What virsh's answers say of the domain, and our side of it. */
class Both {
  readonly #ours: Ours;
  readonly #tally: Tally;
  readonly #parents = new Map<string, string | null>();
  readonly #states = new Map<string, string>();
  #current: string | null = null;
  #guest = "running";

  constructor(ours: Ours, tally: Tally) {
    this.#ours = ours;
    this.#tally = tally;
  }

  async step(step: Step, told: Answer): Promise<void> {
    switch (step.do) {
      case "create":
        return this.#create(step, told);
      case "start from":
        return this.#startFrom(step.name, told);
      case "destroy":
      case "start":
      case "suspend":
      case "resume":
        return this.#guestVerb(step.do, told);
      case "list":
        return this.#list(step, told);
      default:
        return this.#ask(step, told);
    }
  }

  async #create({ name, description }: Step & { do: "create" }, told: Answer): Promise<void> {
    const create = ["snapshot-create-as", "--", "test", name, description];
    const why = refusedHere(name);
    if (why !== null) {
      // Listed: names that only virsh takes.
      await this.#refused(create, "INVALID_NAME");
      return;
    }
    if (this.#guest === "shut off" && told.ok) {
      // Listed: of a stopped guest only when that is asked for.
      await this.#refused(create, "DOMAIN_NOT_RUNNING");
      create.splice(1, 0, "--offline");
    }
    if (!told.ok) {
      await this.#refused(create, this.#parents.has(name) ? "SNAPSHOT_EXISTS" : "INVALID_NAME");
      return;
    }
    expect(ended(await did(this.#ours, ...create))).toBe(told.text);
    this.#tally.created++;
    this.#parents.set(name, this.#current);
    this.#states.set(name, this.#guest === "shut off" ? "shutoff" : this.#guest);
    this.#current = name;
  }

  async #startFrom(name: string, told: Answer): Promise<void> {
    const args = ["create-with-snapshot", "--", "test", name];
    if (!told.ok) {
      await this.#refused(args, "SNAPSHOT_NOT_FOUND");
      return;
    }
    if (this.#guest !== "shut off") {
      // Listed: a guest that runs is not replaced under whoever uses it.
      await this.#refused(args, "DOMAIN_RUNNING");
      await did(this.#ours, "destroy", "test");
    }
    const state = this.#states.get(name);
    // Listed: of a snapshot without memory the guest would be booted, which virsh does not.
    if (state === "shutoff") args.splice(1, 0, "--no-start");
    await did(this.#ours, ...args);
    this.#tally.started++;
    this.#current = name;
    this.#guest = state === "shutoff" ? "shut off" : (state ?? "");
  }

  async #guestVerb(verb: "destroy" | "start" | "suspend" | "resume", told: Answer): Promise<void> {
    if (!told.ok) {
      await this.#refused([verb, "test"], verb === "start" || (verb === "resume" && this.#guest === "running") ? "DOMAIN_RUNNING" : "DOMAIN_NOT_RUNNING"); // prettier-ignore
      return;
    }
    expect(ended(await did(this.#ours, verb, "test"))).toBe(told.text);
    this.#guest = verb === "destroy" ? "shut off" : verb === "suspend" ? "paused" : "running";
  }

  async #list(step: Step & { do: "list" }, told: Answer): Promise<void> {
    const { status, stdout, stderr } = await this.#ours.run(...question(step));
    expect({ refused: status !== 0, stderr }).toMatchObject({ refused: !told.ok });
    if (!told.ok) {
      this.#tally.refused++;
      return;
    }
    this.#tally.listed++;
    if (bothLeaves(step)) {
      await this.#allOfThem(step, stdout, told);
      return;
    }
    const [text, theirs] = [withoutTime(ended(stdout)), withoutTime(told.text)];
    if (!step.flags.includes("topological")) expectSameTable(text, theirs);
    else if (step.flags.includes("tree")) expect(branches(text)).toEqual(branches(theirs));
    else this.#sameUpToSiblings(step, text, theirs);
  }

  /** Listed: who asks for leaves and for all others gets all; from virsh nothing. */
  async #allOfThem(step: Step & { do: "list" }, stdout: string, told: Answer): Promise<void> {
    const others = step.flags.filter((flag) => !flag.endsWith("leaves"));
    expect(stdout).toBe(await did(this.#ours, ...question({ ...step, flags: others })));
    const empty = await virsh([
      inVirsh({ ...step, from: null, flags: others.filter((flag) => flag !== "descendants") }),
    ]);
    expect(told.text).toBe(empty[0]?.text);
  }

  /** Listed: virsh leaves the order of siblings to its hash table under --topological. */
  #sameUpToSiblings({ flags }: Step & { do: "list" }, text: string, theirs: string): void {
    const [lines, their] = [text.split("\n"), theirs.split("\n")];
    expect([...lines].sort()).toEqual([...their].sort());
    if (!flags.includes("name")) return;
    for (const names of [lines, their]) expect(this.#parentsFirst(names)).toBe(true);
    const siblings = lines.map((name) => this.#parents.get(name) ?? null);
    lines.forEach((name, at) => {
      const older = lines.slice(0, at).findLast((_, i) => siblings[i] === siblings[at]);
      if (older !== undefined) expect(inOrder(older, name)).toBe(true);
    });
  }

  #parentsFirst(names: readonly string[]): boolean {
    return names.every((name, at) => {
      const parent = this.#parents.get(name) ?? null;
      return parent === null || !names.includes(parent) || names.indexOf(parent) < at;
    });
  }

  async #ask(step: Step, told: Answer): Promise<void> {
    const args = question(step);
    if (!told.ok) {
      await this.#refused(args, "SNAPSHOT_NOT_FOUND");
      return;
    }
    const text = await did(this.#ours, ...args);
    // Listed: where a snapshot's content is.
    const theirs = told.text.replace(/^Location: {7}internal$/m, "Location:       external");
    if (step.do !== "xml") {
      expect(ended(text)).toBe(theirs);
      return;
    }
    expect(fieldsOf(text)).toEqual(fieldsOf(told.text));
    if (step.name === null) return;
    const todays = await did(this.#ours, "snapshot-dumpxml", "--libvirt", "--", "test", step.name);
    expect(fieldsOf(todays)).toEqual(fieldsOf(told.text));
  }

  async #refused(args: Words, code: string): Promise<void> {
    const { status, stderr } = await this.#ours.run(...args);
    expect({ args, status, stderr }).toEqual({
      args,
      status: expect.toSatisfy((status: number) => [2, 3, 4].includes(status)) as unknown,
      stderr: expect.stringContaining(`error [${code}] `) as unknown,
    });
    this.#tally.refused++;
  }
}

function bothLeaves({ flags }: Step & { do: "list" }): boolean {
  return flags.includes("leaves") && flags.includes("no-leaves");
}

/** Both sides' clocks differ; the form of what they say does not. */
function withoutTime(text: string): string {
  return text.replace(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000\b/g, "when it was created     ");
}

/**
 * Listed: of a character that the C library does not take for printable, virsh shows each byte as `\xff` in tables
 * (whatever the byte is), which makes columns wider.
 */
function expectSameTable(ours: string, theirs: string): void {
  const parts = theirs.split(/((?:\\xff)+)/);
  if (parts.length === 1) expect(ours).toBe(theirs);
  else
    expect(squeezed(ours)).toMatch(new RegExp(`^${parts.map((part) => unprintable(squeezed(part))).join("")}$`, "u"));
}

function unprintable(part: string): string {
  return part.startsWith("\\xff") ? "[^\\x00-\\x7f]+" : part.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function squeezed(table: string): string {
  return table.replace(/ +/g, " ").replace(/^-+$/m, "-");
}

/** virsh's order of names: as bytes, with ASCII letters of either case alike. */
export function inOrder(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(folded(a)), Buffer.from(folded(b))) <= 0;
}

/** Each line that names something, below the names it hangs on; in an order of its own. */
function branches(drawing: string): string[] {
  const path: string[] = [];
  const found: string[] = [];
  for (const line of drawing.split("\n")) {
    const at = line.indexOf("+- ");
    const [depth, name] = at >= 0 ? [(at + 2) / 4, line.slice(at + 3)] : [0, line];
    if (at < 0 && /^[ |]*$/.test(line)) continue;
    path.splice(Math.floor(depth), Infinity, name);
    found.push(path.join("\n"));
  }
  return found.sort();
}

/** What a dumped XML says, in either form. Listed: state `off` and creation time are spelt the RFC's way in its form. */
function fieldsOf(xml: string): Record<string, unknown> {
  const root = parseXml(bytesOf(`${xml}\n`));
  const field = (name: string) => childrenNamed(root, name).map(textOf);
  const parents = childrenNamed(root, "parent").flatMap((parent) => childrenNamed(parent, "name").map(textOf));
  const [created = ""] = [...field("creationTime"), ...field("creationdate")];
  return {
    root: root.name,
    name: field("name"),
    description: field("description").filter((text) => text !== ""),
    state: field("state").map((state) => (state === "off" ? "shutoff" : state)),
    created: /^\d+$|^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(created),
    parents,
  };
}
