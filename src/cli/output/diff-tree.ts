import type { DomainDiff, SnapshotInfo } from "../../connection/api.ts";
import { treeLines } from "./tree.ts";
import type { TreeNode } from "./tree.ts";

/**
 * Both trees in one drawing: `+` is new, `-` is gone (drawn where it was), `~` has other content, `>` hangs elsewhere,
 * `*` is the current one.
 */
export function diffTreeLines(diff: DomainDiff, after: readonly SnapshotInfo[]): string[] {
  const kept = after.map((snapshot): TreeNode => ({ ...snapshot, name: marked(diff, snapshot) }));
  const gone = diff.gone.map((snapshot): TreeNode => ({ ...snapshot, name: `- ${snapshot.name}` }));
  return treeLines([...kept, ...gone]);
}

function marked({ added, moved, rewritten }: DomainDiff, { id, name, current }: SnapshotInfo): string {
  const isIn = (list: readonly { readonly id: string }[]) => list.some((one) => one.id === id);
  const from = moved.find((one) => one.id === id);
  const marks = [...(isIn(added) ? ["+"] : []), ...(isIn(rewritten) ? ["~"] : []), ...(from ? [">"] : [])].join("");
  const was = from ? ` (was on ${from.parent.from ? `"${from.parent.from.name}"` : "the base image"})` : "";
  return `${marks === "" ? "" : `${marks} `}${name}${current ? " *" : ""}${was}`;
}
