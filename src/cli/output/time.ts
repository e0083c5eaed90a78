import { clockText, machineClock } from "../input/times/wall-clock.ts";

/** An ISO 8601 time as virsh shows it, in the machine's time zone: `2026-11-24 04:13:00 +0000`. */
export function localTime(iso: string): string {
  return clockText(Date.parse(iso), machineClock);
}
