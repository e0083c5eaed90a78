import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256 } from "../src/events/hash.ts";

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

/** Holds the hash of the lock that was installed whole. */
const installed = join(folder, "node_modules", ".installed");

export function loadPeers(say: (progress: string) => void): Peers {
  const lock = sha256(readFileSync(join(folder, "package-lock.json"), "utf8"));
  const isInstalled = existsSync(installed) && readFileSync(installed, "utf8") === lock;
  const trouble = isInstalled ? undefined : install(say);
  const require = createRequire(join(folder, "package.json"));
  const load = <T>(name: string, attempt: (peer: T) => unknown): T | string => {
    try {
      const peer = require(name) as T;
      attempt(peer);
      return peer;
    } catch (error) {
      const why = trouble ?? (error as Error).message.split("\n")[0] ?? "";
      return `${name} cannot be used here: ${why} (npm ci in bench/peers tells more)`;
    }
  };
  const peers = {
    // Its binary is loaded with the first database.
    sqlite: load<Sqlite>("better-sqlite3", (Database) => new Database(":memory:").close()),
    emmett: load<Emmett>("@event-driven-io/emmett-sqlite", () => undefined),
  };
  // Else the next run tries again: a compiler may be there by then.
  if (typeof peers.sqlite !== "string" && typeof peers.emmett !== "string") writeFileSync(installed, lock);
  return peers;
}

/** What npm said when it failed. Packages that only failed to build are left out by it without failing. */
function install(say: (progress: string) => void): string | undefined {
  say("installing the peers (bench/peers; building them takes some minutes) ...");
  const { status, stderr } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    env: { ...process.env, ...headers() },
    encoding: "utf8",
  });
  return status === 0 ? undefined : (stderr.trim().split("\n")[0] ?? `npm exits ${status}`);
}

/** Where no prebuilt binary can be had they are compiled, by the headers that came with this Node, if any did. */
function headers(): NodeJS.ProcessEnv {
  const nodedir = dirname(dirname(process.execPath));
  return existsSync(join(nodedir, "include", "node", "node.h")) ? { npm_config_nodedir: nodedir } : {};
}
