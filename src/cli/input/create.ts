import { SnapledgerError } from "../../errors.ts";
import type { CreateSnapshot } from "../../events/command.ts";
import type { Input } from "./input.ts";
import type { Verb } from "../verb.ts";

/** What snapshot-create and snapshot-create-as share. */

export const createOptions: NonNullable<Verb["options"]> = [
  ["--compress", "compress the frozen layers (takes no value); of a running guest, its memory instead, by zstd"],
  ["--compress-method <method>", "zlib (what --compress alone means for layers) or zstd"],
  ["--offline", "allow it for a domain that is not running"],
  ["--disk-only", "leave a running guest's memory out"],
  ["--quiesce", "with --disk-only: have the guest's agent settle its file systems first (define --guest-agent)"],
];

export const createExits: Verb["exits"] = [
  [1, "it was tried and failed, such as for a full disk"],
  [3, "a rule refused: not running and no --offline, the name is taken, the chain is too deep …"],
  [4, "no such domain, file or store"],
];

/** What the XML, or the arguments, say of the snapshot. */
export interface Described {
  readonly name: string | null;
  readonly description: string;
  readonly compression: string | null;
}

export function createCommand(input: Input, described: Described | undefined): CreateSnapshot {
  return {
    type: "CreateSnapshot",
    domain: input.argument(0),
    name: described?.name ?? null,
    description: described?.description ?? "",
    // Any word goes through: what the driver cannot do is refused, and recorded, by the rule.
    compression: compression(input, described?.compression ?? null),
    ...(input.has("compress") && { compress: true }),
    offline: input.has("offline"),
    diskOnly: input.has("disk-only"),
    ...(input.has("quiesce") && { quiesce: true }),
  };
}

function compression(input: Input, fromXml: string | null): string | null {
  const method = input.value("compress-method");
  if (method !== undefined && fromXml !== null && method !== fromXml) {
    throw new SnapledgerError("USAGE", `--compress-method says "${method}" but the XML says "${fromXml}".`, {
      hint: "Leave one of them out.",
    });
  }
  return method ?? fromXml;
}
