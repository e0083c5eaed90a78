import { connect, init } from "../../src/connection/connection.ts";
import { isSnapledgerError } from "../../src/errors.ts";
import { openStore } from "../../src/store/store.ts";
import { restore, salvage } from "../../src/connection/maintenance.ts";
import { stopped } from "../support/events.ts";
import { caller } from "../support/two-domains.ts";

/**
 * Works on a store on a disk that fails, and says line by line what it was told: `ok POSITION`, `failed CODE`,
 * `read COUNT`, `done`.
 */
const [, , verb = "", store = "", other = ""] = process.argv;
const domain = "0190a000-0000-7000-8000-00000000000a";

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function codeOf(error: unknown): string {
  if (isSnapledgerError(error)) return `${error.code} ${error.hint === undefined ? "without a hint" : "with a hint"}`;
  return `unknown ${String((error as Error).stack)}`;
}

async function attempt(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    say(`failed ${codeOf(error)}`);
    return false;
  }
}

/** Six appends in one opening, and after a failure one more, which must not be taken, and all that can be read. */
async function append(): Promise<void> {
  const log = await openStore(store, { clock: Date.now, newId: () => crypto.randomUUID(), waitMs: 0, hold: true });
  const one = () => log.use(async (open) => say(`ok ${(await open.append([stopped(domain)]))[0]?.position}`));
  const open = () => log.use(async (opened) => say(`open ${(await opened.head()).position}`));
  if (!(await attempt(open)) && !(await attempt(open))) return log.close();
  for (let n = 0; n < 6; n++) {
    if (await attempt(one)) continue;
    await attempt(one);
    break;
  }
  await attempt(() =>
    log.use(async (open) => {
      let count = 0;
      for await (const { record } of open.read()) count = record.position;
      say(`read ${count}`);
    }),
  );
  await log.close();
}

const verbs: Readonly<Record<string, () => Promise<unknown>>> = {
  append,
  init: async () => (await init(store, caller)).close(),
  restore: () => restore(other, store, caller),
  salvage: () => salvage({ store: other, waitMs: 0 }, store, caller),
  async backup() {
    const connection = await connect({ store: other });
    await connection.backup(store).finally(() => connection.close());
  },
};

process.umask(0o077);
await attempt(async () => {
  await verbs[verb]?.();
  say("done");
});
