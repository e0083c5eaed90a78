import { sortedByName } from "../../projections/views/name-order.ts";
import type { Value } from "../../projections/condition/fields.ts";
import type { Replay } from "../../projections/replay/replay.ts";
import type { DomainState } from "../../projections/state.ts";
import type { History } from "../output/history.ts";
import { drawnTree } from "../output/tree.ts";
import type { TreeNode } from "../output/tree.ts";

/** A line of the tree, and whether the last event touched what it shows. */
export interface TreeViewLine {
  readonly text: string;
  readonly touched: boolean;
}

/** The tree where the player stands: `+` is new with this event, `~` was changed by it, `*` is current. */
export function treeView(player: Replay): TreeViewLine[] {
  const { state, touched } = player;
  if (!state?.defined) return [{ text: "(not defined)", touched: false }];
  const mark = (id: string) => (touched.added.has(id) ? "+ " : touched.changed.has(id) ? "~ " : "");
  const byName = sortedByName(state.snapshots.values());
  const nodes = byName.map((snapshot): TreeNode => ({
    id: snapshot.id,
    name: `${mark(snapshot.id)}${snapshot.name}${currentMark(state, snapshot.id)}${snapshot.active ? "" : " (inactive)"}`,
    parent: snapshot.parent === null ? null : { id: snapshot.parent },
  }));
  const lines = drawnTree(nodes).map(({ text, node }) => ({
    text,
    touched: node !== undefined && mark(node.id) !== "",
  }));
  const gone = touched.gone.map((name) => ({ text: `- ${name}`, touched: true }));
  const empty = nodes.length === 0 ? [{ text: "(no snapshots)", touched: false }] : [];
  return [...lines, ...empty, ...gone];
}

function currentMark({ current }: DomainState, id: string): string {
  return current === id ? " *" : "";
}

/** Where the player stands, in one line. */
export function placeLine(player: Replay, history: History): string {
  const { event } = player;
  return event ? history.line(event).trimStart() : "before the first event";
}

export function valueText(value: Value): string {
  return typeof value === "string"
    ? JSON.stringify(value)
    : Array.isArray(value)
      ? JSON.stringify(value)
      : String(value);
}
