import { basename, join } from "node:path";
import { connect } from "../../src/connection/connection.ts";
import { driverFor } from "../../src/drivers/index.ts";
import type { MemoryDriver } from "../../src/drivers/memory/index.ts";
import { isSnapledgerError } from "../../src/errors.ts";
import { HeadFile } from "../../src/store/head-file.ts";
import { memoryEventLog } from "../../src/events/memory-log.ts";
import { knownHeadFiles } from "../../src/store/known-heads.ts";
import { parseRecord } from "../../src/events/seal.ts";
import { nothingCached, readDirectory, readDomainState } from "../../src/queries/cache/cached-states.ts";
import type { Connection, ConnectionOptions, Damage } from "../../src/connection/api.ts";
import { definedDomains, domainIdOf } from "../../src/projections/directory.ts";
import { domainInfo, listSnapshots } from "../../src/projections/views/views.ts";

import { snapshotting } from "../support/commands.ts";
import { caller, domains, first, parts } from "../support/two-domains.ts";
import { ofLog } from "./readable.ts";
import { filesIn, type Template } from "./template.ts";

/** Something else than the truth, and no word about it. */
export class Silent extends Error {}

export type Verdict = "harmless" | "told" | "old copy";

/** Every reading verb's answer. A verb that failed honestly has its code instead. */
async function readAll(connection: Connection): Promise<{ answers: Answers; codes: Set<string> }> {
  const codes = new Set<string>();
  const honest = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      codes.add(honestCode(error));
      return undefined;
    }
  };
  const lines = await honest(async () => {
    const read: string[] = [];
    for await (const { line } of connection.read()) read.push(line);
    return read;
  });
  const head = await honest(async () => (await connection.head()).position);
  const list = await honest(async () => JSON.stringify(await connection.domains()));
  const each = await Promise.all(
    domains.map((domain) => honest(async () => JSON.stringify(await domainIn(connection, domain)))),
  );
  return { answers: { lines, head, list, each }, codes };
}

async function domainIn(connection: Connection, domain: string): Promise<unknown> {
  try {
    return [await connection.domain(domain), await connection.snapshots(domain)];
  } catch (error) {
    if (isSnapledgerError(error, "DOMAIN_NOT_FOUND")) return error.code;
    throw error;
  }
}

interface Answers {
  readonly lines: readonly string[] | undefined;
  readonly head: number | undefined;
  readonly list: string | undefined;
  readonly each: readonly (string | undefined)[];
}

function honestCode(error: unknown): string {
  if (isSnapledgerError(error) && error.hint !== undefined) return error.code;
  throw new Silent("it is not an error with a code and a next step", { cause: error });
}

/** What the reading verbs say of a log of these lines. */
async function truthOf(lines: readonly string[]): Promise<Answers> {
  const log = memoryEventLog({ ...parts, disk: [...lines] });
  const directory = await readDirectory(log, nothingCached);
  const stateOf = (id: string) => readDomainState(log, id, nothingCached);
  const list = [];
  for (const id of definedDomains(directory)) list.push(domainInfo(await stateOf(id)));
  const each = await Promise.all(
    domains.map(async (domain) => {
      const id = domainIdOf(directory, domain);
      if (id === undefined) return JSON.stringify("DOMAIN_NOT_FOUND");
      const state = await stateOf(id);
      return JSON.stringify([domainInfo(state), listSnapshots(state)]);
    }),
  );
  return { lines, head: lines.length, list: JSON.stringify(list), each };
}

const known = new Map<string, Promise<Answers>>();

function truthAt({ name, lines }: Template, position: number): Promise<Answers> {
  const key = `${name} ${position}`;
  const truth = known.get(key) ?? truthOf(lines.slice(0, position));
  known.set(key, truth);
  return truth;
}

function differences(answers: Answers, truth: Answers): string[] {
  const same = (a: unknown, b: unknown) => a === undefined || JSON.stringify(a) === JSON.stringify(b);
  return [
    ...(same(answers.lines, truth.lines) ? [] : [`read: ${answers.lines?.length} lines, not ${truth.lines?.length}`]),
    ...(same(answers.head, truth.head) ? [] : [`head: ${answers.head}, not ${truth.head}`]),
    ...(same(answers.list, truth.list) ? [] : [`domains: ${answers.list}\nnot ${truth.list}`]),
    ...domains.filter((_, i) => !same(answers.each[i], truth.each[i])).map((domain) => `${domain} is another`),
  ];
}

/** All answers must be of one history: a beginning of the true one, not shorter than the head file says. */
async function judgeAnswers(answers: Answers, template: Template, floor: number): Promise<number | undefined> {
  const position = answers.head ?? answers.lines?.length;
  const from = position ?? template.lines.length;
  if (from < floor || from > template.lines.length) throw new Silent(`it shows ${from} positions, not ${floor}`);
  const wrong = differences(answers, await truthAt(template, from));
  if (wrong.length > 0) throw new Silent(wrong.join("; "));
  return position;
}

/** What is stored, whether in its place or aside, without what every opening writes anew. */
function stored(store: string): string {
  const kept = [...ofLog(filesIn(store))].map(([name, bytes]) => `${basename(name)} ${bytes.toString("base64")}`);
  return [...new Set(kept)].sort().join("\n");
}

/** Names of what came and what went. */
function changedFiles(before: string, after: string): string {
  const [was, is] = [before.split("\n"), after.split("\n")];
  const name = (line: string) => line.slice(0, line.indexOf(" "));
  const gone = was.filter((line) => !is.includes(line)).map((line) => `-${name(line)}`);
  return [...gone, ...is.filter((line) => !was.includes(line)).map((line) => `+${name(line)}`)].join(" ");
}

/** Throws Silent unless every command shows the truth or says that it can't, and then leaves what is stored alone. */
export async function oracle(store: string, template: Template, heads: string, hold: boolean): Promise<Verdict> {
  remember(template, store, heads);
  const before = stored(store);
  const floor = Math.min(HeadFile.read(join(store, "head"))?.position ?? 0, template.lines.length);
  const codes = new Set<string>();
  let shown: number | undefined;
  const refused = await connected(store, heads, { hold }, async (connection) => {
    const read = await readAll(connection);
    for (const code of read.codes) codes.add(code);
    shown = await judgeAnswers(read.answers, template, floor);
    const verdict = await connection.verify().catch((error: unknown) => void codes.add(honestCode(error)));
    if (verdict && !verdict.ok) codes.add("LOG_DAMAGED");
  });
  if (refused !== undefined) codes.add(refused);
  if (codes.size > 0) await judgeProven(store, template, heads);
  const asked = await judgeExecute(store, template, heads, codes.size > 0);
  if (codes.size > 0) {
    if (asked !== undefined) codes.add(asked);
    if (asked !== undefined && stored(store) !== before)
      throw new Silent(`what is stored was changed: ${changedFiles(before, stored(store))}`);
    return "told";
  }
  if (shown !== undefined && shown >= template.acknowledged) {
    if (asked !== undefined) throw new Silent(`reading finds nothing, but writing says ${asked}`);
    return "harmless";
  }
  if (asked !== "LOG_BEHIND" && asked !== "DOMAIN_NOT_FOUND")
    throw new Silent(`it goes on from ${shown}, though ${template.acknowledged} was acknowledged`);
  return "old copy";
}

async function connected(
  store: string,
  knownHeads: string,
  how: Pick<ConnectionOptions, "hold" | "onDamage">,
  work: (connection: Connection) => Promise<void>,
): Promise<string | undefined> {
  // Stores of one template share the names of their locks: another runner may be at work on the same domain.
  const options = { store, waitMs: 30_000, knownHeads, ...how };
  const connection = await connect(options).catch(honestCode);
  if (typeof connection === "string") return connection;
  try {
    await work(connection);
    return undefined;
  } finally {
    await connection.close();
  }
}

/** Reading on with what is proven shows exactly a beginning of the true history, and says up to where. */
async function judgeProven(store: string, template: Template, heads: string): Promise<void> {
  let told: Damage | undefined;
  await connected(store, heads, { onDamage: (damage) => (told = damage) }, async (connection) => {
    const { answers } = await readAll(connection);
    if (told && answers.lines && answers.lines.length !== told.proven && answers.lines.length < template.acknowledged)
      throw new Silent(`told that ${told.proven} are proven, but ${answers.lines.length} are shown`);
    for (const [i, line] of (answers.lines ?? []).entries())
      if (line !== template.lines[i]) throw new Silent(`line ${i + 1} is not the true one`);
    if (told) {
      const truth = [await truthAt(template, told.proven), await truthAt(template, template.lines.length)];
      if (truth.every((one) => differences({ ...answers, lines: undefined, head: undefined }, one).length > 0))
        throw new Silent("what is shown is not what was proven");
    }
  });
}

/** A command asked for before is not done again, and a new one goes on from the true history. The code of a refusal. */
async function judgeExecute(
  store: string,
  template: Template,
  heads: string,
  damaged: boolean,
): Promise<string | undefined> {
  forgetTheMachine();
  let code: string | undefined;
  const refused = await connected(store, heads, {}, async (connection) => {
    const ask = async (work: () => Promise<void>) =>
      work().catch((error: unknown) => void (code ??= honestCode(error)));
    await ask(async () => {
      const { repeated } = await connection.execute(first.command, caller, { commandId: first.commandId });
      if (!repeated) throw new Silent("a command that was done is done again");
    });
    await ask(async () => {
      await connection.execute(snapshotting("db", "after"), caller);
    });
    if (code !== undefined || damaged) return;
    const verdict = await connection.verify();
    if (!verdict.ok || verdict.valid <= template.acknowledged) throw new Silent(`verify: ${JSON.stringify(verdict)}`);
  });
  return code ?? refused;
}

/** Guests and files are simulated in this process; each store begins with none. */
function forgetTheMachine(): void {
  const { world } = driverFor("memory") as MemoryDriver;
  for (const gone of [world.files, world.guests, world.memories, world.removed]) gone.clear();
}

/** As after the last command of this user that was told of: what is outside the store is not harmed. */
function remember({ lines, acknowledged }: Template, store: string, heads: string): void {
  const [created, last] = [lines[0] ?? "", lines[acknowledged - 1] ?? ""].map((line) => parseRecord(line));
  if (created?.type !== "LogCreated" || !last) throw new Error("no log");
  knownHeadFiles(heads, store).learn({ logId: created.data.logId, position: last.position, hash: last.hash });
}
