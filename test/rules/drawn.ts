import type { DomainState } from "../../src/projections/state.ts";
import { childrenOf } from "../../src/projections/tree.ts";

/** A snapshot tree in one line: `a(b* ~c)`; `*` follows what the heads stand on, alone for the base; `~` is inactive. */
export function drawn(state: DomainState): string {
  const below = (parent: string | null): string =>
    childrenOf(state, parent)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ id, name, active }) => {
        const children = below(id);
        const mark = state.current === id ? "*" : "";
        return `${active ? "" : "~"}${name}${mark}${children === "" ? "" : `(${children})`}`;
      })
      .join(" ");
  return [...(state.current === null ? ["*"] : []), ...[below(null)].filter((tree) => tree !== "")].join(" ");
}
