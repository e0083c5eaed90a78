import type { GuestState, SnapshotState } from "../../events/records.ts";

/** virsh's words. In lists a snapshot of a stopped guest is `shutoff`, a stopped guest is `shut off`. */
export function snapshotStateWord(state: SnapshotState): string {
  return state === "off" ? "shutoff" : state;
}

export function guestStateWord(state: GuestState): string {
  return state === "off" ? "shut off" : state;
}
