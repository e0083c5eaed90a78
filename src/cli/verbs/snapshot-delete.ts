import { insteadOf } from "./instead.ts";

export const verb = insteadOf(
  "snapshot-delete",
  "virsh's forgets a point in time and keeps what came after it; a discard here takes all that stands on it along.",
  "Use: `snapledger snapshot-deactivate DOM NAME --delete` (discard it), or --merge (its parent takes its content).",
  ["snapledger snapshot-deactivate web experiment --delete --plan", "snapledger help snapshot-deactivate"],
);
