import { spawnSync } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Other stores that ours is compared with. They are no dependencies of this project: they have a package.json and a
 * lock of their own in `bench/peers/`, installed by the first benchmark that needs them. A peer that cannot be
 * installed is told, and its rows are not measured.
 */
export interface Peers {
  readonly sqlite: Sqlite | string;
  readonly emmett: Emmett | string;
}

/** What is used of better-sqlite3. */
export type Sqlite = new (file: string) => {
  pragma(text: string): unknown;
  exec(sql: string): unknown;
  prepare(sql: string): { run(...values: unknown[]): unknown };
  close(): void;
};

/** What is used of @event-driven-io/emmett-sqlite. */
export interface Emmett {
  getSQLiteEventStore(options: { fileName: string }): {
    appendToStream(stream: string, events: readonly { type: string; data: unknown }[]): Promise<unknown>;
  };
}

const folder = fileURLToPath(new URL("./peers", import.meta.url));

export function loadPeers(say: (progress: string) => void): Peers {
  const trouble = install(say);
  const require = createRequire(join(folder, "package.json"));
  const load = (name: string): unknown => {
    try {
      return require(name);
    } catch (error) {
      const why = trouble ?? (error as Error).message.split("\n")[0] ?? "";
      return `${name} could not be installed here: ${why}`;
    }
  };
  return {
    sqlite: load("better-sqlite3") as Sqlite | string,
    emmett: load("@event-driven-io/emmett-sqlite") as Emmett | string,
  };
}

/** What npm said when it failed. Packages that only failed to build are left out by it without failing. */
function install(say: (progress: string) => void): string | undefined {
  const done = join(folder, "node_modules", ".installed");
  const lock = join(folder, "package-lock.json");
  if (existsSync(done) && statSync(done).mtimeMs >= statSync(lock).mtimeMs) return undefined;
  say("installing the peers (bench/peers; building them takes some minutes) ...");
  const { status, stderr } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    env: { ...process.env, ...headers() },
    encoding: "utf8",
  });
  if (status !== 0) return stderr.trim().split("\n")[0] ?? `npm exits ${status}`;
  writeFileSync(done, "");
  return undefined;
}

/** Where no prebuilt binary can be had they are compiled, by the headers that came with this Node, if any did. */
function headers(): NodeJS.ProcessEnv {
  const nodedir = dirname(dirname(process.execPath));
  return existsSync(join(nodedir, "include", "node", "node.h")) ? { npm_config_nodedir: nodedir } : {};
}
