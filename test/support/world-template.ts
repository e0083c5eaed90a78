import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Model } from "./model.ts";
import { copyOf } from "./model.ts";
import type { World } from "./world.ts";

/** A world to come back to. */
export class Template {
  readonly #world: World;
  readonly #model: Model;
  readonly #lines: readonly string[];
  readonly #files: KeptFiles;

  constructor(world: World, model: Model) {
    this.#world = world;
    this.#model = copyOf(model);
    this.#lines = [...world.lines];
    this.#files = new KeptFiles(world.folder);
  }

  /** The world as it was; resolves with a model of it. */
  restore(): Model {
    this.#files.restore();
    this.#world.rewind(this.#lines);
    return copyOf(this.#model);
  }

  drop(): void {
    this.#files.drop();
  }
}

/**
 * All files of a folder. They are put back under their own names and inodes (headers hold absolute paths, and the log
 * holds inodes and times): a hard link outside the folder keeps each inode alive, RAM keeps the content.
 */
export class KeptFiles {
  readonly #folder: string;
  readonly #files = new Map<string, Kept>();
  readonly #aside: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#aside = mkdtempSync(join(dirname(folder) || tmpdir(), "aside-"));
    for (const path of filesUnder(folder)) {
      const link = join(this.#aside, String(this.#files.size));
      linkSync(path, link);
      this.#files.set(path, { link, content: readFileSync(path), seen: stampOf(path), mtimeNs: mtimeOf(path) });
    }
  }

  restore(): void {
    for (const path of filesUnder(this.#folder)) if (!this.#files.has(path)) rmSync(path);
    const written = [...this.#files].filter(([path, kept]) => putBack(path, kept));
    if (written.length === 0) return;
    // Node's own `utimes` takes a number that has no room for nanoseconds.
    const touches = written.flatMap(([path, { mtimeNs }]) => [touchTime(mtimeNs), path]);
    execFileSync("sh", ["-c", 'while [ $# -gt 0 ]; do touch -d "$1" "$2" || exit 1; shift 2; done', "sh", ...touches]);
    for (const [path, kept] of written) kept.seen = stampOf(path);
  }

  /** Lets go of the inodes. */
  drop(): void {
    rmSync(this.#aside, { recursive: true, force: true });
  }
}

interface Kept {
  readonly link: string;
  readonly content: Buffer;
  /** As it was when it last had this content. */
  seen: string;
  readonly mtimeNs: bigint;
}

function touchTime(ns: bigint): string {
  return `@${ns / second}.${String(ns % second).padStart(9, "0")}`;
}

/** Whether it had to be written, which gave it another time. */
function putBack(path: string, kept: Kept): boolean {
  if (inodeOf(path) !== inodeOf(kept.link)) {
    rmSync(path, { force: true });
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    linkSync(kept.link, path);
  }
  if (stampOf(path) === kept.seen) return false;
  writeFileSync(path, kept.content);
  return true;
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

const second = 1_000_000_000n;

function mtimeOf(path: string): bigint {
  return statSync(path, { bigint: true }).mtimeNs;
}

/** Changes with every write to the file. */
function stampOf(path: string): string {
  const { ino, size, mtimeNs } = statSync(path, { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}
