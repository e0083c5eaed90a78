import type { Entry } from "./verb.ts";

const groups = {
  snapshots: "Snapshots",
  domains: "Domains",
  log: "The log",
  store: "The store",
  virsh: "Known from virsh, done otherwise here",
} as const;

/** Every verb, in the order that the help lists them. */
export const verbs: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  entry(
    "snapshot-create",
    "snapshots",
    "Take a snapshot, described by XML",
    () => import("./verbs/snapshot-create.ts"),
  ),
  entry(
    "snapshot-create-as",
    "snapshots",
    "Take a snapshot from arguments",
    () => import("./verbs/snapshot-create-as.ts"),
  ),
  entry("snapshot-list", "snapshots", "List a domain's snapshots", () => import("./verbs/snapshot-list.ts")),
  entry("snapshot-info", "snapshots", "Show one snapshot", () => import("./verbs/snapshot-info.ts")),
  entry("snapshot-dumpxml", "snapshots", "Show one snapshot as XML", () => import("./verbs/snapshot-dumpxml.ts")),
  entry("snapshot-current", "snapshots", "Show the current snapshot", () => import("./verbs/snapshot-current.ts")),
  entry("snapshot-parent", "snapshots", "Show a snapshot's parent", () => import("./verbs/snapshot-parent.ts")),
  entry(
    "create-with-snapshot",
    "snapshots",
    "Start the guest from a snapshot",
    () => import("./verbs/create-with-snapshot.ts"),
  ),
  entry(
    "snapshot-deactivate",
    "snapshots",
    "Set aside, merge or discard a snapshot",
    () => import("./verbs/snapshot-deactivate.ts"),
  ),
  entry("compact", "snapshots", "Fold the layers that merges left", () => import("./verbs/compact.ts")),
  entry("define", "domains", "Take a domain under management", () => import("./verbs/define.ts")),
  entry("undefine", "domains", "Let go of a domain", () => import("./verbs/undefine.ts")),
  entry("list", "domains", "List domains", () => import("./verbs/list.ts")),
  entry("dominfo", "domains", "Show one domain", () => import("./verbs/dominfo.ts")),
  entry("domblklist", "domains", "List a domain's disks and their head files", () => import("./verbs/domblklist.ts")),
  entry("domstate", "domains", "Show whether the guest runs", () => import("./verbs/domstate.ts")),
  entry("start", "domains", "Start the guest", () => import("./verbs/start.ts")),
  entry("shutdown", "domains", "Let the guest shut itself down", () => import("./verbs/shutdown.ts")),
  entry("destroy", "domains", "Stop the guest at once", () => import("./verbs/destroy.ts")),
  entry("suspend", "domains", "Stop the guest's processors", () => import("./verbs/suspend.ts")),
  entry("resume", "domains", "Let a suspended guest go on", () => import("./verbs/resume.ts")),
  entry("log", "log", "Who did what, why, and what it destroyed", () => import("./verbs/log.ts")),
  entry("history", "log", "Tell a snapshot's whole life", () => import("./verbs/history.ts")),
  entry("blame", "log", "Who gave each snapshot its content, when and why", () => import("./verbs/blame.ts")),
  entry("why", "log", "Explain a file: what made it, what it is, why it is gone", () => import("./verbs/why.ts")),
  entry("diff", "log", "What is different between two points in the log", () => import("./verbs/diff.ts")),
  entry("bisect", "log", "Find the first event after which something holds", () => import("./verbs/bisect.ts")),
  entry("replay", "log", "Step through the log, forwards and backwards", () => import("./verbs/replay.ts")),
  entry("what-if", "log", "Decide the past again with something otherwise", () => import("./verbs/what-if.ts")),
  entry("show", "log", "Show one record of the log", () => import("./verbs/show.ts")),
  entry("head", "log", "Show where the log ends", () => import("./verbs/head.ts")),
  entry("verify", "log", "Prove that the log is what it was", () => import("./verbs/verify.ts")),
  entry("checkpoint", "log", "Sign the log as it stands", () => import("./verbs/checkpoint.ts")),
  entry("prove", "log", "Prove that a record is under a checkpoint", () => import("./verbs/prove.ts")),
  entry(
    "prove-consistent",
    "log",
    "Prove that the log only grew from one checkpoint to another",
    () => import("./verbs/prove-consistent.ts"),
  ),
  entry("key", "log", "Show the public key, or its fingerprint", () => import("./verbs/key.ts")),
  entry(
    "export-evidence",
    "log",
    "Hand out a domain's records with their proof",
    () => import("./verbs/export-evidence.ts"),
  ),
  entry("export", "log", "Hand records to other tools, none twice", () => import("./verbs/export.ts")),
  entry("init", "store", "Create a store", () => import("./verbs/init.ts")),
  entry("backup", "store", "Save the whole log in a file", () => import("./verbs/backup.ts")),
  entry("restore", "store", "Make a store of a backup", () => import("./verbs/restore.ts")),
  entry("salvage", "store", "Bring back what is proven of a damaged log", () => import("./verbs/salvage.ts")),
  entry("shell", "store", "Run several commands, typed or from a file", () => import("./verbs/shell.ts")),
  entry("recover", "store", "Settle operations that died half-way", () => import("./verbs/recover.ts")),
  entry("snapshot-revert", "virsh", "See create-with-snapshot", () => import("./verbs/snapshot-revert.ts")),
  entry("snapshot-delete", "virsh", "See snapshot-deactivate", () => import("./verbs/snapshot-delete.ts")),
  entry("blockcommit", "virsh", "See snapshot-deactivate --merge", () => import("./verbs/blockcommit.ts")),
]);

function entry(name: string, group: keyof typeof groups, summary: string, load: Entry["load"]): [string, Entry] {
  return [name, { group: groups[group], summary, load }];
}
