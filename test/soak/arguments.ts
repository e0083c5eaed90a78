import type { Command } from "../../src/events/command.ts";

/** A command as it is typed. */
export function argumentsOf(command: Command): string[] {
  switch (command.type) {
    case "DefineDomain": {
      const disks = command.disks.flatMap(({ target, path, format }) => [
        "--disk",
        `${target}=${path},format=${format}`,
      ]);
      return ["define", "--uuid", command.uuid, "--name", command.name, ...disks];
    }
    case "CreateSnapshot": {
      const { domain, name, compression } = command;
      const compress = compression === null ? [] : ["--compress", "--compress-method", compression];
      return ["snapshot-create-as", "--offline", ...compress, domain, name ?? ""];
    }
    case "CreateWithSnapshot":
      return ["create-with-snapshot", "--no-start", ...on(command)];
    case "DeactivateSnapshot":
      return ["snapshot-deactivate", ...on(command)];
    case "MergeSnapshot":
      return ["snapshot-deactivate", command.force ? "--mergeforce" : "--merge", ...on(command)];
    case "DiscardSnapshot":
      return ["snapshot-deactivate", command.force ? "--discard-force" : "--discard", ...on(command)];
    case "UndefineDomain":
      return ["undefine", "--discard-all", command.domain];
    case "CompactDomain":
      return ["compact", command.domain];
    case "RecoverDomain":
      return ["recover", command.domain];
    default:
      throw new Error(`nobody here types ${command.type}`);
  }
}

function on({ domain, snapshot, discardChanges }: { domain: string; snapshot: string; discardChanges: boolean }) {
  return [...(discardChanges ? ["--discard-changes"] : []), domain, snapshot];
}
