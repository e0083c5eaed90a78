// import-order.mjs: the rooms of src/ and which of them each imports from, as a rule for eslint.config.js. No import
// goes against the order, and none runs in a circle.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

const ground = ["errors", "events"];
const below = [...ground, "system", "store", "projections", "drivers"];
const library = [...below, "commands", "policy", "queries", "proof", "evidence", "xml"];

/** What each room imports from, beside itself. */
const rooms = {
  errors: [],
  proof: [],
  events: ["errors"],
  "events/level": [...ground, "system"],
  system: ground,
  store: [...ground, "events/level", "system"],
  projections: ground,
  drivers: [...ground, "system"],
  evidence: [...ground, "system", "proof", "projections"],
  xml: [...ground, "projections"],
  commands: below,
  policy: [...ground, "projections"],
  queries: [...below, "commands", "policy"],
  connection: library,
  export: [...ground, "system", "projections", "connection"],
  server: ["errors", "connection", "policy"],
  fleet: [...ground, "store", "connection"],
  web: [...ground, "projections", "policy", "proof"],
  index: [...library, "connection", "export", "server", "fleet"],
  cli: [...library, "connection", "export", "server", "fleet"],
};

/** Within commands/, in the order in which a command passes them: each imports from those on the lines above. */
const order = [
  ["request"],
  ["rules"],
  ["context", "validate", "what-if"],
  ["facts"],
  ["operation"],
  ["recovery"],
  ["result"],
  ["handle"],
];
const floorOf = new Map(order.flatMap((names, floor) => names.map((name) => [name, floor])));

/** `src/commands/rules/merge.ts`: commands, rules. A file that lies in a room itself is called by its own name. */
function placeOf(file) {
  const [, room = "", part] = file.replace(/\.ts$/, "").split("/");
  // The log on a disk stands above what happened, which is pure.
  return room === "events" && part === "level" ? { room: "events/level", part } : { room, part };
}

/** Why a file may not import another; undefined: it may. */
function wrong(from, to, isType) {
  const [here, there] = [placeOf(from), placeOf(to)];
  if (!(here.room in rooms)) return `src/${here.room} is no room: see ARCHITECTURE.md`;
  if (here.room !== there.room) {
    if (!rooms[here.room].includes(there.room)) return `${here.room} does not import from ${there.room}`;
    const pure = here.room === "commands" && ["request", "rules", "what-if"].includes(here.part);
    if (pure && !isType && ["system", "store", "drivers"].includes(there.room))
      return `commands/${here.part} is pure: of ${there.room} it takes types alone`;
    return undefined;
  }
  if (here.part === there.part) return undefined;
  if (here.room !== "commands") return undefined;
  for (const { part } of [here, there])
    if (!floorOf.has(part)) return `commands/${part} has no place: see ARCHITECTURE.md`;
  const goesDown = floorOf.get(there.part) < floorOf.get(here.part);
  return goesDown ? undefined : `commands/${here.part} does not import from commands/${there.part}`;
}

const imported = new Map();

/** Files that a file imports, types and what it loads later among them. */
function importsOf(file) {
  const known = imported.get(file);
  if (known) return known;
  const text = existsSync(join(root, file)) ? readFileSync(join(root, file), "utf8") : "";
  const found = [
    ...text.matchAll(/^(?:import|export)\b[^;"]*?\bfrom "(\.[^"]+)"/gm),
    ...text.matchAll(/\bimport\("(\.[^"]+)"\)/g),
  ].map(([, path]) => posix.join(posix.dirname(file), path));
  imported.set(file, found);
  return found;
}

/** The way from one file to another along imports. */
function wayTo(end, from, seen = new Set()) {
  if (from === end) return [end];
  if (seen.has(from)) return undefined;
  seen.add(from);
  for (const next of importsOf(from)) {
    const way = wayTo(end, next, seen);
    if (way) return [from, ...way];
  }
  return undefined;
}

export const importOrder = {
  meta: { type: "problem", schema: [], messages: { wrong: "{{why}}.", circle: "A circle of imports: {{way}}." } },
  create(context) {
    const file = relative(root, context.filename);
    const check = (node, source, isType = false) => {
      if (source?.type !== "Literal" || !String(source.value).startsWith(".")) return;
      const to = posix.join(posix.dirname(file), source.value);
      const why = wrong(file, to, isType);
      if (why) context.report({ node, messageId: "wrong", data: { why } });
      const way = wayTo(file, to);
      if (way) context.report({ node, messageId: "circle", data: { way: [file, ...way].join(" -> ") } });
    };
    return {
      ImportDeclaration: (node) => check(node, node.source, node.importKind === "type"),
      ExportNamedDeclaration: (node) => check(node, node.source, node.exportKind === "type"),
      ExportAllDeclaration: (node) => check(node, node.source, node.exportKind === "type"),
      ImportExpression: (node) => check(node, node.source),
    };
  },
};
