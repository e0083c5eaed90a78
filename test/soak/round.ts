import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { connect } from "../../src/connection/connection.ts";
import type { Command } from "../../src/events/command.ts";
import { parseRecord } from "../../src/events/seal.ts";
import type { Outcome } from "../../src/connection/api.ts";
import { decides } from "../support/crash-points.ts";
import { Random } from "../support/random.ts";
import { told } from "../support/commands.ts";
import type { Model } from "../support/model.ts";
import { readAll } from "../support/images.ts";
import { KeptFiles } from "../support/world-template.ts";
import { expectReadable, expectSettled } from "../support/content-oracle.ts";
import { caller } from "../support/world.ts";
import { argumentsOf } from "./arguments.ts";
import { RealStore, soakSectorBytes } from "./real-store.ts";
import type { Tree } from "./trees.ts";
import { change, commandDrawn, grown } from "./trees.ts";
import type { Aim, Call, Hit, Instant, Stretch, Watched } from "./watching.ts";
import { victims, watch } from "./watching.ts";

/**
 * A tree on real images, and commands on it that are killed, each again and again from the same beginning, and so is
 * the recovery from that. What is true then, the log says; that it is true, every byte does.
 */

export interface Game {
  readonly seed: number;
  /** How many commands are killed. */
  readonly kills: number;
  /** All of them inside one fold, spread evenly over it. */
  readonly sweep: boolean;
  /** An empty folder. */
  readonly folder: string;
  /** The command line's own file. */
  readonly program: string;
  /** The compiled library of faults.c; null where there is no compiler. */
  readonly faults: string | null;
}

export interface Played {
  readonly what: string;
  readonly hits: readonly (Hit & { readonly aim: Aim; readonly recovering: boolean })[];
  /** Times that it had ended before it could be killed. */
  readonly missed: number;
  /** Kills after which the log had the command, and had it not. */
  readonly after: number;
  readonly before: number;
  /** Records that somebody had seen or been told of before a kill, or between a kill and its recovery. */
  readonly acknowledged: number;
  /** Snapshots, heads and base images of which every byte was read after a recovery. */
  readonly read: number;
}

interface Killing {
  readonly tree: Tree;
  readonly command: Command;
  /** null: the domain is gone. */
  readonly after: Model | null;
}

export async function play(game: Game, tell: (line: string) => void): Promise<Played> {
  const home = join(game.folder, "home");
  mkdirSync(home, { mode: 0o700 });
  const drawn = new Random(game.seed);
  const store = new RealStore(home, game.program);
  await store.terminal.ok("init");
  const trees = await grown(store, drawn);
  const round = new Round(game, store, drawn, trees, tell);
  await round.play();
  return round.played();
}

class Round {
  readonly #game: Game;
  readonly #store: RealStore;
  readonly #drawn: Random;
  #trees: Tree[];
  readonly #tell: (line: string) => void;
  readonly #what: string;
  readonly #hits: Played["hits"][number][] = [];
  #counted = { missed: 0, after: 0, before: 0, acknowledged: 0, read: 0 };

  constructor(game: Game, store: RealStore, drawn: Random, trees: readonly Tree[], tell: (line: string) => void) {
    this.#game = game;
    this.#store = store;
    this.#drawn = drawn;
    this.#trees = [...trees];
    this.#tell = tell;
    const disks = trees[0]!.disks.map(
      ({ format, sectors }) => `${format} ${(sectors * soakSectorBytes) / 2 ** 20} MiB`,
    );
    const snapshots = trees.map(({ model }) => model.snapshots.size).join(" and ");
    this.#what = `${disks.join(", ")}; ${snapshots} snapshots${trees.length > 1 ? " on one base" : ""}`;
  }

  played(): Played {
    return { what: this.#what, hits: this.#hits, ...this.#counted };
  }

  async play(): Promise<void> {
    const { kills, sweep } = this.#game;
    for (let spent = 0, count = 0; spent < kills && this.#trees.length > 0 && count < 40; count++) {
      const tree = this.#drawn.one(this.#trees);
      if (this.#drawn.chance(60)) await change(this.#store, tree, this.#drawn);
      const chosen = commandDrawn(tree, this.#drawn, count, sweep);
      if (chosen === undefined) {
        if (sweep) await this.#another(tree, count);
        continue;
      }
      const shots = sweep ? kills : Math.min(kills - spent, chosen.command.type === "MergeSnapshot" ? 6 : 2);
      await this.#kill({ tree, ...chosen }, shots);
      spent += shots;
    }
    expect(await this.#store.terminal.ok("recover")).not.toContain(" recovered");
    expect(await this.#store.terminal.ok("verify", "--files", "--replay")).toContain("records verified");
  }

  /** So that there is something to merge. */
  async #another(tree: Tree, count: number): Promise<void> {
    const made = commandDrawn({ ...tree, shared: true }, this.#drawn, count, false);
    if (made?.command.type !== "CreateSnapshot" || made.after === null) return;
    await this.#store.run(made.command);
    this.#become(tree, made.after);
  }

  #become(tree: Tree, model: Model | null): void {
    const others = this.#trees.filter(({ uuid }) => uuid !== tree.uuid);
    this.#trees = model === null ? others : [...others, { ...tree, model }];
  }

  /** Each shot from the same beginning; it goes on from where the last one leads to. */
  async #kill(killing: Killing, shots: number): Promise<void> {
    const { tree, command, after } = killing;
    const kept = new KeptFiles(this.#store.folder);
    try {
      const before = await this.#store.lines();
      const { faults } = this.#game;
      const unharmed = await watch(this.#store.terminal, ["--json", ...argumentsOf(command)], { faults });
      expect(unharmed.status, `${told(command)}: ${unharmed.stderr}`).toBe(0);
      await this.#expectTrue(tree, after, `${told(command)}, unharmed`);
      let recovery: Course = noCourse;
      let truth: Model | null = after;
      for (let shot = 0; shot < shots; shot++) {
        kept.restore();
        const part = (shot + this.#drawn.below(1000) / 1000) / shots;
        const aim = this.#game.sweep ? this.#sweeping(unharmed, part) : this.#aimed(unharmed);
        const done = await this.#shoot(killing, before, aim, recovery, `${told(command)}, shot ${shot}`);
        truth = done.truth;
        recovery = done.recovery;
      }
      this.#become(tree, truth);
    } finally {
      kept.drop();
    }
  }

  async #shoot(
    { tree, command, after }: Killing,
    before: readonly string[],
    aim: Aim,
    lastRecovery: Course,
    name: string,
  ): Promise<{ truth: Model | null; recovery: Course }> {
    const { terminal } = this.#store;
    const watched = await watch(terminal, ["--json", ...argumentsOf(command)], { aim });
    const message = `${name}: ${hitTold(watched)}`;
    this.#tell(message);
    this.#count(watched, aim, false);
    let seen = await this.#expectMore(before, acknowledgedBy(watched), message);
    const truth = seen.slice(before.length).some((line) => decides(parseRecord(line).type)) ? after : tree.model;
    // A tool that lives on, which the manager may have started a moment ago, holds its files until it is waited for.
    const livesOn = watched.hit?.victim === "the manager alone";
    if (!livesOn && truth !== null && this.#drawn.chance(50)) {
      await expectReadable(this.#store, tree.uuid, truth, `${message}, before recovery`);
    }

    for (let n = 0; n < 2 && lastRecovery.stretches.length > 0 && this.#drawn.chance(50); n++) {
      const again = this.#aimed(lastRecovery);
      const verb = this.#drawn.one(["recover", "recover", "compact"]);
      if (verb === "compact" && truth === null) continue;
      const killed = await watch(terminal, ["--json", "--wait", "30", verb, tree.uuid], { aim: again });
      this.#tell(`${name}: ${verb} ${hitTold(killed)}`);
      this.#count(killed, again, true);
      seen = await this.#expectMore(seen, acknowledgedBy(killed), `${message}, ${verb} ${hitTold(killed)}`);
    }
    const { faults } = this.#game;
    const recovery = await watch(terminal, ["--json", "--wait", "30", "recover"], { faults });
    expect(recovery.status, `${message}: ${recovery.stderr}`).toBe(0);
    seen = await this.#expectMore(seen, acknowledgedBy(recovery), `${message}, recovered`);
    await this.#expectTrue(tree, truth, `${message}, recovered`);
    if (truth === after) this.#counted.after++;
    else this.#counted.before++;
    return { truth, recovery };
  }

  #count({ hit }: Watched, aim: Aim, recovering: boolean): void {
    if (hit) this.#hits.push({ ...hit, aim, recovering });
    else this.#counted.missed++;
  }

  #aimed(course: Course): Aim {
    const { faults } = this.#game;
    return faults !== null && course.calls.length > 0 && this.#drawn.chance(40)
      ? aimedAtCall(course.calls, faults, this.#drawn)
      : aimedAtInstant(course.stretches, this.#drawn);
  }

  /** Every other sweep goes over the time of a fold, every other one over the calls of all its programs. */
  #sweeping({ stretches, calls }: Course, part: number): Aim {
    const { faults, seed } = this.#game;
    if (faults === null || seed % 40 === 0) return inFold(stretches, part, this.#drawn);
    return overCalls(calls, part, faults, this.#drawn);
  }

  /** What was seen is there still, byte for byte, and what the program told of is in what came after it. */
  async #expectMore(seen: readonly string[], told: readonly Outcome[], message: string): Promise<string[]> {
    const lines = await this.#store.lines();
    this.#counted.acknowledged += seen.length + told.length;
    expect(lines.slice(0, seen.length), `${message}: acknowledged records`).toEqual(seen);
    for (const outcome of told) {
      if (outcome.position === null) continue;
      const { position, domain } = parseRecord(lines[outcome.position - 1] ?? "{}");
      const wanted = { position: outcome.position, domain: outcome.domain.id };
      expect({ position, domain }, `${message}: the record it told of`).toEqual(wanted);
    }
    return lines;
  }

  /** Log, files, links and every byte of every domain; and a recovery finds nothing to do. */
  async #expectTrue(tree: Tree, truth: Model | null, message: string): Promise<void> {
    const connection = await connect({ store: this.#store.store });
    try {
      const { position } = await connection.head();
      await connection.recover(caller);
      expect((await connection.head()).position, `${message}, and again`).toBe(position);
      expect(await connection.verify(), message).toMatchObject({ ok: true, valid: position });
    } finally {
      await connection.close();
    }
    for (const one of this.#trees) {
      const model = one.uuid === tree.uuid ? truth : one.model;
      if (model === null) await this.#expectGone(one, message);
      else await expectSettled(this.#store, one.uuid, model, message);
      this.#counted.read += ((model?.snapshots.size ?? 0) + 2) * one.disks.length;
    }
  }

  /** No file of its is left, and its base images are what they were. */
  async #expectGone({ uuid, disks, model }: Tree, message: string): Promise<void> {
    expect((await this.#store.state(uuid)).defined, message).toBe(false);
    expect(this.#store.filesOf(uuid), message).toEqual([]);
    for (const disk of disks) {
      const bytes = await readAll(this.#store.base("web", disk), disk.format);
      const wanted = Buffer.concat(model.base[disk.target]!.map((byte) => Buffer.alloc(soakSectorBytes, byte)));
      expect(bytes.equals(wanted), `${message}: the base image of ${disk.target}`).toBe(true);
    }
  }
}

/** How a command went when nobody was killed. */
type Course = Pick<Watched, "stretches" | "calls">;
const noCourse: Course = { stretches: [], calls: [] };

/** Each program is as likely as any other, however few calls it makes. */
function aimedAtCall(calls: Course["calls"], faults: string, drawn: Random): Aim {
  const [program, most] = drawn.one([...mostCalls(calls)]);
  return before(program, 1 + drawn.below(most), faults, drawn);
}

/** So far among all calls of all programs. */
function overCalls(calls: Course["calls"], part: number, faults: string, drawn: Random): Aim {
  const each = [...mostCalls(calls)];
  let call = 1 + Math.floor(part * each.reduce((sum, [, most]) => sum + most, 0));
  for (const [program, most] of each) {
    if (call <= most) return before(program, call, faults, drawn);
    call -= most;
  }
  throw new Error("nothing was called");
}

function before(program: string, call: number, faults: string, drawn: Random): Call {
  const victim = drawn.one(victims.filter((one) => program !== "node" || one !== "the tool alone"));
  return { victim, program, call, torn: drawn.chance(30), faults };
}

/** Several tools may have the same name: the first that gets so far is hit. */
function mostCalls(calls: Course["calls"]): Map<string, number> {
  const most = new Map<string, number>();
  for (const { program, calls: made } of calls) if (made > 0) most.set(program, Math.max(made, most.get(program) ?? 0));
  return most;
}

/** Any stretch is as likely as any other, however short it is; of a fold's, likelier. */
function aimedAtInstant(stretches: readonly Stretch[], drawn: Random): Aim {
  const victim = drawn.one(victims);
  const all = [...stretches.keys()].filter((n) => victim !== "the tool alone" || isTool(stretches[n]!));
  const fold = all.filter((n) => n >= foldBegins(stretches));
  // Where no tool ran, there is none to be killed alone.
  if (all.length === 0) return aimedAtInstant(stretches, drawn);
  const stretch = drawn.one(fold.length > 0 && drawn.chance(60) ? fold : all);
  // A little too late is just after it.
  return instant(stretches, victim, stretch, (drawn.below(10_000) / 10_000) * 1.04 * stretches[stretch]!.ms);
}

/** At a part of the time from the beginning of the first commit to the command's end. */
function inFold(stretches: readonly Stretch[], part: number, drawn: Random): Aim {
  const from = foldBegins(stretches);
  if (from === Infinity) return aimedAtInstant(stretches, drawn);
  let left = part * stretches.slice(from).reduce((sum, { ms }) => sum + ms, 0);
  let stretch = from;
  for (; left > (stretches[stretch]?.ms ?? Infinity); stretch++) left -= stretches[stretch]!.ms;
  const kinds = victims.filter((victim) => victim !== "the tool alone" || isTool(stretches[stretch]!));
  return instant(stretches, drawn.one(kinds), stretch, left);
}

function instant(stretches: readonly Stretch[], victim: Aim["victim"], stretch: number, delayMs: number): Instant {
  const beginsMs = stretches.slice(0, stretch).reduce((sum, { ms }) => sum + ms, 0);
  return { victim, stretch, beginsMs, delayMs, stretchMs: stretches[stretch]!.ms };
}

function foldBegins(stretches: readonly Stretch[]): number {
  const first = stretches.findIndex(({ label }) => label === "commit");
  return first === -1 ? Infinity : first;
}

function isTool({ label }: Stretch): boolean {
  return label !== "start" && !label.startsWith("after ");
}

function hitTold({ hit, status }: Watched): string {
  if (!hit) return `not hit, exits ${status}`;
  const where = hit.delayMs === null ? "before" : `${hit.delayMs.toFixed(2)} ms into`;
  return `${hit.victim} killed ${where} "${hit.label}"`;
}

/** What it printed before it was killed, if it got so far: whoever read that relies on it. */
function acknowledgedBy({ status, stdout }: Watched): Outcome[] {
  if (status !== 0 && status !== null) return [];
  try {
    return [JSON.parse(stdout) as Outcome | Outcome[]].flat();
  } catch {
    return [];
  }
}
