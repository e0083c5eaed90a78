const dayMs = 86_400_000;

/**
 * What the clocks of a place show at an instant. Both are milliseconds since 1970: the answer is the instant at which
 * UTC's clocks show the same.
 */
export type WallClock = (instant: number) => number;

/** The clocks of this machine: those of TZ, or else of /etc/localtime. */
export const machineClock: WallClock = (instant) => instant - new Date(instant).getTimezoneOffset() * 60_000;

/** The instants at which the clocks show this: one; none when they skip it; two, in order, when they are put back. */
export function instantsOf(shown: number, clock: WallClock): number[] {
  // No zone is more than a day away from UTC, and none moves its clocks twice within two days.
  const offsets = new Set([shown - dayMs, shown + dayMs].map((near) => clock(near) - near));
  const instants = [...offsets].map((offset) => shown - offset).filter((instant) => clock(instant) === shown);
  return instants.sort((a, b) => a - b);
}

/** The first instant at which the clocks show this; when they skip it, the instant at which they do. */
export function firstInstant(shown: number, clock: WallClock): number {
  const [first] = instantsOf(shown, clock);
  if (first !== undefined) return first;
  let [before, after] = [shown - 2 * dayMs, shown + 2 * dayMs];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (clock(middle) < shown) before = middle;
    else after = middle;
  }
  return after;
}

/** `2026-11-24 04:13:00 +0000`, as virsh shows a time; it says the zone, so that it means one instant. */
export function clockText(instant: number, clock: WallClock): string {
  const shown = clock(instant);
  const minutes = Math.round((shown - instant) / 60_000);
  const ahead = Math.abs(minutes);
  const zone = `${minutes < 0 ? "-" : "+"}${two(Math.floor(ahead / 60))}${two(ahead % 60)}`;
  return `${new Date(shown).toISOString().slice(0, 19).replace("T", " ")} ${zone}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
