import type { LayerId, Target } from "../../events/ids.ts";
import type { FileFacts } from "../../events/records.ts";
import { headOf, layerOf } from "../../projections/layers.ts";
import type { DomainState } from "../../projections/state.ts";
import type { BaseFacts, Facts } from "../rules/decision.ts";

/** Bytes that a head has grown by since it was logged. */
type Growth = Map<LayerId, { bytes: number; virtualBytes: number }>;

/**
 * What the rules would have seen in the other history, from what they saw in this one: the guest is taken to have
 * written as much to whatever head it had, and to have run when it ran.
 */
export class OtherFacts {
  readonly #seen: Growth = new Map();
  readonly #other: Growth = new Map();

  /** To be called at every decision, also one that is left out: what the guest wrote until then is in its facts. */
  note(actual: DomainState, other: DomainState, facts: Facts): void {
    for (const target of other.disks) {
      const now = facts.heads[target];
      if (!now || !actual.disks.includes(target)) continue;
      const { id, file } = headOf(actual, target);
      const grown = { bytes: now.bytes - file.bytes, virtualBytes: now.virtualBytes - file.virtualBytes };
      const before = this.#seen.get(id) ?? { bytes: 0, virtualBytes: 0 };
      this.#seen.set(id, grown);
      const head = headOf(other, target).id;
      const had = this.#other.get(head) ?? { bytes: 0, virtualBytes: 0 };
      this.#other.set(head, {
        bytes: had.bytes + Math.max(0, grown.bytes - before.bytes),
        virtualBytes: had.virtualBytes + grown.virtualBytes - before.virtualBytes,
      });
    }
  }

  of(actual: DomainState, other: DomainState, facts: Facts, taken: string | null): Facts {
    const define = facts.define && { ...facts.define, taken };
    return {
      ...facts,
      guest: facts.guest === actual.guest ? other.guest : facts.guest,
      heads: Object.fromEntries(other.disks.map((target) => [target, this.#head(actual, other, target, facts)])),
      bases: this.#bases(other, facts),
      ...(define && { define }),
    };
  }

  #head(actual: DomainState, other: DomainState, target: Target, facts: Facts): FileFacts {
    const { id, file } = headOf(other, target);
    const seen = facts.heads[target];
    if (seen && actual.heads[target] === id) return seen;
    const { bytes, virtualBytes } = this.#other.get(id) ?? { bytes: 0, virtualBytes: 0 };
    return { ...file, bytes: file.bytes + bytes, virtualBytes: file.virtualBytes + virtualBytes };
  }

  /**
   * Only a merge into a base image looks at it. Where the other history has one that this one has not, the image is
   * taken to be as it was logged, writable, and nobody else's.
   */
  #bases(other: DomainState, { bases }: Facts): Readonly<Record<Target, BaseFacts>> {
    if (bases) return bases;
    const found = other.disks.map((target) => [target, layerOf(other, other.bases[target]).file] as const);
    return Object.fromEntries(found.map(([target, file]) => [target, { file, writable: true, users: [] }]));
  }
}
