import { insteadOf } from "./instead.ts";

export const verb = insteadOf(
  "snapshot-revert",
  "virsh's goes back in place and loses what the disks hold now; here fresh heads are made on the snapshot's layers.",
  "Use: `snapledger create-with-snapshot DOM NAME`. Unsaved changes are kept as a snapshot, or --discard-changes.",
  ["snapledger create-with-snapshot web before-upgrade --no-start", "snapledger help create-with-snapshot"],
);
