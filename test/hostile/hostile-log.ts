import { sha256 } from "../../src/events/hash.ts";
import { zeroHash } from "../../src/events/seal.ts";
import { Inside } from "../support/in-process-cli.ts";

/** A log in which every text that anybody can choose is hostile, rightly sealed: as an older or a foreign writer made it. */

const mark = "HOSTILE";

/** What the marked history is made of, in words that stand in the same place as the hostile ones afterwards. */
export function placesFor(hostile: string) {
  return {
    domain: `dom${hostile}`,
    snapshot: `snap${hostile}`,
    other: `other${hostile}`,
    file: `/img${hostile}.qcow2`,
  };
}

let marked: Promise<readonly string[]> | undefined;

/** Its lines with `hostile` in names, descriptions, reasons, tickets, command ids, paths, actors, hints and errors. */
export async function hostileLog(hostile: string): Promise<string[]> {
  marked ??= markedHistory();
  const inJson = JSON.stringify(hostile).slice(1, -1);
  let previousHash = zeroHash;
  return (await marked).map((line) => {
    const record = JSON.parse(line.replaceAll(mark, inJson)) as Record<string, unknown> & {
      actor: Record<string, unknown>;
    };
    const actor = { ...record.actor, user: `user${hostile}`, host: `host${hostile}`, sudoUser: `sudo${hostile}` };
    const text = JSON.stringify({ ...record, actor, previousHash, hash: undefined }).slice(0, -1);
    previousHash = `sha256:${sha256(text)}`;
    return `${text},"hash":"${previousHash}"}`;
  });
}

/** Something of everything: taken, gone back to, refused, merged, discarded, undefined. */
async function markedHistory(): Promise<readonly string[]> {
  const inside = new Inside();
  const { domain, snapshot, other, file } = placesFor(mark);
  const why = ["--reason", `reason${mark}`, "--ticket", `ticket${mark}`];
  const steps = [
    ["define", "--driver", "memory", "--name", domain, "--disk", `vda=${file}`, "--layers", `/layers${mark}`],
    ["snapshot-create-as", domain, snapshot, `description${mark}`, "--offline", "--command-id", `id${mark}`],
    ["snapshot-create-as", domain, other, "--offline"],
    ["create-with-snapshot", domain, snapshot, "--no-start"],
    ["snapshot-create-as", domain, `third${mark}`, "--offline"],
    ["snapshot-deactivate", domain, `third${mark}`, "--merge"],
    ["snapshot-deactivate", domain, `gone${mark}`, "--merge"],
    ["snapshot-deactivate", domain, `third${mark}`, "--mergeforce"],
    ["snapshot-create-as", domain, other, "--offline"],
  ];
  for (const step of steps) await inside.run(...step, ...why);
  return inside.world.lines;
}
