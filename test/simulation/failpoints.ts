import known from "./failpoints.json" with { type: "json" };

/** Points that few runs come to: whoever does dies there more often than elsewhere. */
export const rare: ReadonlySet<string> = new Set(known.rare);
/** Of those, the ones that so few come to that so many percent die there, whatever they were on their way to. */
export const rarest: ReadonlyMap<string, number> = new Map(Object.entries(known.rarest));
export const knownFailpoints: ReadonlySet<string> = new Set([...known.common, ...known.rare]);

/** Counts the points at which a process could die, `MergeSnapshot: before commit`, and those at which one did. */
export class Failpoints {
  readonly passed = new Map<string, number>();
  readonly crashed = new Map<string, number>();

  pass(name: string): void {
    this.passed.set(name, (this.passed.get(name) ?? 0) + 1);
  }

  hit(name: string): void {
    this.crashed.set(name, (this.crashed.get(name) ?? 0) + 1);
  }
}
