import { insteadOf } from "./instead.ts";

export const verb = insteadOf(
  "blockcommit",
  "virsh's writes one file into the one below it, also below other branches; here whole snapshots are merged, by rules.",
  "Use: `snapledger snapshot-deactivate DOM NAME --merge`.",
  ["snapledger snapshot-deactivate web before-upgrade --merge --plan", "snapledger help snapshot-deactivate"],
);
