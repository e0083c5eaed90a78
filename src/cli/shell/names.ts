import { connect } from "../../connection/connection.ts";
import type { Connection } from "../../connection/api.ts";
import type { SessionOptions } from "../../connection/connection.ts";
import type { Names } from "./completion.ts";

/** Nobody waits long for a Tab. */
const waitMs = 200;

/** The names in a store as it is now. Whatever is wrong with it is for a command to say: then there are no names. */
export function namesIn(optionsFor: (store: string | undefined) => SessionOptions): Names {
  const ask = async (store: string | undefined, question: (connection: Connection) => Promise<string[]>) => {
    try {
      const connection = await connect({ ...optionsFor(store), waitMs });
      return await question(connection).finally(() => connection.close());
    } catch {
      return [];
    }
  };
  return {
    domains: (store) =>
      ask(store, async (connection) => {
        const now = new Map((await connection.names()).map(({ domain, name, defined }) => [domain, { name, defined }]));
        return [...now.values()].flatMap(({ name, defined }) => (defined ? [name] : []));
      }),
    snapshots: (store, domain) =>
      ask(store, async (connection) => (await connection.snapshots(domain)).map(({ name }) => name)),
  };
}
