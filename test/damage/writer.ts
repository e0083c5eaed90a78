import { connect } from "../../src/connection/connection.ts";
import { snapshotting } from "../support/commands.ts";
import { caller, domains } from "../support/two-domains.ts";

/** Takes snapshots on both domains of a store at once, and says which positions it was told of, until it is killed. */
const [, , store = ""] = process.argv;
const connection = await connect({ store, hold: true });
await Promise.all(
  domains.map(async (domain) => {
    for (let n = 0; n < 100; n++) {
      const { position } = await connection.execute(snapshotting(domain, `w${n}`), caller, {
        commandId: `${domain} w${n}`,
      });
      process.send?.(position);
    }
  }),
);
