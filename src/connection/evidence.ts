import type { CommandContext } from "../commands/context.ts";
import type { DomainId } from "../events/ids.ts";
import type { LogAccess } from "../events/log.ts";
import { provingOn as provingWith } from "../evidence/prove.ts";
import { tileFile, type Tiles } from "../evidence/tiles.ts";
import { exportEvidence } from "./export-evidence.ts";
import type { Caller, EvidenceRequest, Request } from "./api.ts";

/** All that proves something to others: loaded when it is asked for. `checkpoints`: the folder that may keep the tree, unless it `isLeft` as it is. */
export function provingOn({
  checkpoints,
  isLeft,
  ...rest
}: {
  readonly log: LogAccess;
  readonly keyPath: string;
  readonly checkpoints: string;
  readonly isLeft: () => boolean;
}) {
  const tiles = tileFile(checkpoints);
  const proving = {
    ...rest,
    tiles: { ...tiles, save: async (now: Tiles) => (isLeft() ? undefined : tiles.save(now)) },
  };
  return {
    ...provingWith(proving),
    exportEvidence: (
      context: CommandContext,
      id: DomainId,
      file: string,
      evidence: EvidenceRequest,
      caller: Caller,
      request?: Request,
    ) => exportEvidence({ context, proving }, id, file, evidence, caller, request),
  };
}
