import type { Random } from "../support/random.ts";
import type { Files, Template } from "./template.ts";

/** What may be done to a store's files. */
export interface Harm {
  readonly told: readonly string[];
  readonly files: Files;
}

type MakeHarm = (files: Map<string, Buffer>, drawn: Random, template: Template) => string;

/** The files of the log are what it is about; the others are harmed too, but less often. */
function chosen(files: Files, drawn: Random): string {
  const names = [...files.keys()].sort();
  const ofLog = names.filter((name) => name.startsWith("log"));
  return ofLog.length > 0 && drawn.chance(60) ? drawn.one(ofLog) : drawn.one(names);
}

function change(files: Map<string, Buffer>, name: string, edit: (bytes: Buffer) => Buffer): void {
  files.set(name, edit(Buffer.from(files.get(name) ?? [])));
}

const flip: MakeHarm = (files, drawn) => {
  const name = chosen(files, drawn);
  const length = files.get(name)?.length ?? 0;
  if (length === 0) return `nothing to flip in ${name}`;
  const [offset, bit] = [drawn.below(length), drawn.below(8)];
  change(files, name, (bytes) => {
    bytes.writeUInt8(bytes.readUInt8(offset) ^ (1 << bit), offset);
    return bytes;
  });
  return `bit ${bit} of byte ${offset} of ${name} flipped`;
};

const cut: MakeHarm = (files, drawn) => {
  const name = chosen(files, drawn);
  const length = drawn.below(files.get(name)?.length ?? 0);
  change(files, name, (bytes) => bytes.subarray(0, length));
  return `${name} cut to ${length}`;
};

const remove: MakeHarm = (files, drawn) => {
  const name = chosen(files, drawn);
  files.delete(name);
  return `${name} deleted`;
};

const removeFolder: MakeHarm = (files, drawn) => {
  const folder = drawn.one(["log/", "checkpoints/", "run/", "log.aside/"]);
  for (const name of [...files.keys()]) if (name.startsWith(folder)) files.delete(name);
  return `${folder} deleted`;
};

const zero: MakeHarm = (files, drawn) => {
  const name = chosen(files, drawn);
  const size = drawn.one([512, 4096, 32768]);
  const offset = drawn.below(Math.ceil((files.get(name)?.length ?? 0) / size)) * size;
  change(files, name, (bytes) => bytes.fill(0, offset, Math.min(offset + size, bytes.length)));
  return `${size} bytes from ${offset} of ${name} zeroed`;
};

const swap: MakeHarm = (files, drawn) => {
  const [one, other] = [chosen(files, drawn), chosen(files, drawn)];
  const [a, b] = [files.get(one), files.get(other)];
  if (!a || !b) return "nothing to swap";
  files.set(one, b).set(other, a);
  return `${one} and ${other} swapped`;
};

/** One file, some, all of the log's, or all: over what is there, as `cp` does it. */
const putBack: MakeHarm = (files, drawn, { earlier }) => {
  const at = drawn.below(earlier.length);
  const old = earlier[at] ?? new Map<string, Buffer>();
  const names = [...old.keys()].sort();
  const which = drawn.one<(name: string) => boolean>([
    (
      (one) => (name: string) =>
        name === one
    )(chosen(old, drawn)),
    () => drawn.chance(50),
    (name) => name.startsWith("log/"),
    (name) => name.startsWith("log/") && !name.endsWith(".ldb"),
    () => true,
  ]);
  const back = names.filter(which);
  for (const name of back) files.set(name, old.get(name) ?? Buffer.alloc(0));
  return `old copies (${at}) of ${back.join(", ")} put back`;
};

/** The whole folder of yesterday, and nothing of today's. */
const putAllBack: MakeHarm = (files, drawn, { earlier }) => {
  const at = drawn.below(earlier.length);
  const replaced = drawn.one(["log/", "log/", ""]);
  for (const name of [...files.keys()]) if (name.startsWith(replaced)) files.delete(name);
  for (const [name, bytes] of earlier[at] ?? []) if (name.startsWith(replaced)) files.set(name, bytes);
  return `${replaced === "" ? "the whole store" : replaced} replaced by its old copy (${at})`;
};

const deeds: readonly MakeHarm[] = [
  flip,
  flip,
  flip,
  cut,
  remove,
  removeFolder,
  zero,
  swap,
  putBack,
  putBack,
  putAllBack,
];

/** Mostly one thing, at times two. */
export function harmed(template: Template, drawn: Random): Harm {
  const files = new Map(template.files);
  const told = Array.from({ length: drawn.chance(25) ? 2 : 1 }, () => drawn.one(deeds)(files, drawn, template));
  return { told, files };
}
