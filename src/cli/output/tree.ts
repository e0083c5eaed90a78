import type { SnapshotId } from "../../events/ids.ts";

/** What the drawing needs of a snapshot. */
export interface TreeNode {
  readonly id: SnapshotId;
  readonly name: string;
  readonly parent: { readonly id: SnapshotId } | null;
}

/**
 * virsh indents by depth without bound, so that a long chain is quadratic in output (measured: 5,000 deep, 50 MB).
 * Here the indentation starts again at the margin every so many levels, with the depth in front: `[30] +- name`.
 */
const foldedEvery = 30;

interface Place {
  readonly node: TreeNode;
  readonly indent: string;
  readonly depth: number;
  readonly last: boolean;
}

/** A line of the drawing, and the node that it names: the lines between have none. */
export interface TreeLine {
  readonly text: string;
  readonly node: TreeNode | undefined;
}

/** virsh's drawing of `snapshot-list --tree`, its blank lines included. Siblings keep the order they come in. */
export function treeLines(nodes: readonly TreeNode[]): string[] {
  return drawnTree(nodes).map(({ text }) => text);
}

/** The same, for views that write something beside the names. */
export function drawnTree(nodes: readonly TreeNode[]): TreeLine[] {
  const children = childrenOf(nodes);
  const lines: TreeLine[] = [];
  for (const root of children.get(null) ?? []) drawTree(root, children, lines);
  return lines;
}

/** Depth first with a stack of its own: chains may be deeper than the call stack. */
function drawTree(root: TreeNode, children: ReadonlyMap<SnapshotId | null, TreeNode[]>, lines: TreeLine[]): void {
  const stack: Place[] = [{ node: root, indent: "", depth: 0, last: true }];
  for (let place = stack.pop(); place; place = stack.pop()) {
    const below = children.get(place.node.id) ?? [];
    const inner = place.depth === 0 ? "" : `${place.indent}${place.last ? " " : "|"} `;
    const { node } = place;
    lines.push({ text: `${place.indent}${place.depth === 0 ? "" : "+- "}${node.name}`, node });
    if (below.length > 0) lines.push({ text: `${inner}  |`, node: undefined });
    else if (place.last) lines.push({ text: inner, node: undefined });
    const depth = place.depth + 1;
    const indent = depth % foldedEvery === 0 ? `[${depth}] ` : `${inner}  `;
    below.forEach((_, i) => {
      const index = below.length - 1 - i;
      const child = below[index];
      if (child) stack.push({ node: child, indent, depth, last: index === below.length - 1 });
    });
  }
}

/** Nodes by parent; those whose parent is not among them are roots (under null). */
function childrenOf(nodes: readonly TreeNode[]): Map<SnapshotId | null, TreeNode[]> {
  const known = new Set(nodes.map(({ id }) => id));
  const children = new Map<SnapshotId | null, TreeNode[]>();
  for (const node of nodes) {
    const parent = node.parent && known.has(node.parent.id) ? node.parent.id : null;
    const siblings = children.get(parent);
    if (siblings) siblings.push(node);
    else children.set(parent, [node]);
  }
  return children;
}
