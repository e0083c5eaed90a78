import type { Off } from "./bundle.ts";

/** What is switched off, one at a time, to see whether the simulation notices. */
export interface Mutant {
  readonly rule: string;
  readonly off: readonly Off[];
}

const compact = "src/commands/recovery/compact.ts";
const handle = "src/commands/handle.ts";
const recover = "src/commands/recovery/recover.ts";
const merge = "src/commands/rules/merge.ts";
const create = "src/commands/rules/create.ts";
const baseImage = "src/commands/rules/base-image.ts";
const fit = "src/commands/facts/fit.ts";
const layers = "src/projections/layers.ts";
const guest = "src/commands/rules/guest.ts";
const domain = "src/projections/domain.ts";
const directory = "src/projections/directory.ts";

const rows: readonly (readonly [rule: string, ...off: Off[]])[] = [
  // Refusals.
  ["a merge that would orphan is refused", [merge, "refuseIfLost(sets.orphaned, command", "refuseIfLost([], command"]],
  [
    "a discard that would orphan is refused",
    ["src/commands/rules/discard.ts", "refuseIfLost(orphaned, command", "refuseIfLost([], command"],
  ],
  ["a base is rewritten by its sole user", [baseImage, "users.length > 0", "false"]],
  ["a read-only base is not rewritten", [baseImage, "if (!writable)", "if (false)"]],
  ["a base image is never cut", [baseImage, "virtualBytes > snapshotBytes", "false"]],
  [
    "the fold into a base image comes last",
    [layers, 'state.baseRoles[into.target] === from.id ? null : "others"', "null"],
  ],
  ["no merge moves the heads of a running guest", [merge, 'headsMove && facts.guest !== "off"', "false"]],
  [
    "no discard moves the heads of a running guest",
    ["src/commands/rules/discard.ts", 'through && facts.guest !== "off"', "false"],
  ],
  [
    "no deactivation moves the heads of a running guest",
    ["src/commands/rules/deactivate.ts", 'if (facts.guest !== "off")', "if (false)"],
  ],
  [
    "no start moves the heads of a running guest",
    ["src/commands/rules/create-with-snapshot.ts", 'if (facts.guest !== "off")', "if (false)"],
  ],
  ["a running domain is not undefined", ["src/commands/rules/undefine.ts", 'if (facts.guest !== "off")', "if (false)"]],
  [
    "undefine is refused while a fold waits",
    ["src/commands/rules/undefine.ts", "if (folds.length === 0) return;", "return;"],
  ],
  [
    "undefine is refused while there are snapshots",
    ["src/commands/rules/undefine.ts", "if (names.length > 0) {", "if (names.length < 0) {"],
  ],
  [
    "undefine is refused while heads are dirty",
    ["src/commands/rules/undefine.ts", "if (dirty) refuse", "if (false) refuse"],
  ],
  ["a snapshot's name is used once", [create, "if (state.byName.has(name))", "if (false)"]],
  ["a stopped domain needs --offline", [create, 'if (facts.guest === "off" && !command.offline)', "if (false)"]],
  ["a running guest's layers are not compressed", [create, "if (!savesMemory(facts, command)) {", "if (false) {"]],
  [
    "a memory is compressed by a method that the driver has",
    [create, "if (methods.some((method) => method === compression)) return;", "return;"],
  ],
  [
    "nothing quiesces without an agent",
    [create, "if (command.quiesce === true) checkQuiesce(state, facts, command);", "void checkQuiesce;"],
  ],
  [
    "chains have a limit",
    ["src/commands/rules/limits.ts", "if (depth <= domainLimits.chainLayers) return;", "return;"],
  ],
  [
    "snapshots have a limit",
    ["src/commands/rules/limits.ts", "if (state.snapshots.size < domainLimits.snapshots) return;", "return;"],
  ],
  [
    "an autosave counts for the limits",
    ["src/commands/rules/leave-heads.ts", "checkLimits(state);", "void checkLimits;"],
  ],
  ["a domain's name is used once", ["src/commands/rules/define.ts", "if (define.taken !== null)", "if (false)"]],
  [
    "a name is taken by whoever begins to define it",
    ["src/commands/facts/observe.ts", "if (defining !== undefined && defining !== uuid) return name;", ""],
  ],
  ["nobody is defined on a layer of ours", ["src/commands/rules/define.ts", "of define.ours)", "of [])"]],
  [
    "nobody is defined on a base that is being rewritten",
    ["src/commands/rules/define.ts", "of define.pending)", "of [])"],
  ],
  [
    "a base is being rewritten from the intent on",
    [directory, "|| (!kept && domain.open?.merges.some((m) => m.target === target))", ""],
  ],
  ["a base is being rewritten to the last fold", [directory, "role !== null || (", "("]],
  [
    "a running guest is not started again",
    ["src/commands/rules/start.ts", 'if (facts.guest !== "off") refuse', "if (false) refuse"],
  ],
  [
    "a guest that is off is not stopped",
    [guest, 'if (facts.guest !== "off") return;\n  const hint', "return;\n  const hint"],
  ],
  [
    "a paused guest is not asked to shut down",
    ["src/commands/rules/shutdown.ts", 'if (facts.guest !== "paused") return;', "return;"],
  ],
  [
    "a command waits for the one before it on its domain",
    [
      handle,
      "const lock = await stage.locks.lockDomain({",
      "const lock = await { lockDomain: (): Promise<DomainLock> => Promise.resolve({ operation: () => undefined, child: () => undefined, livingChildren: () => [], release: () => Promise.resolve() }) }.lockDomain({",
    ],
  ],
  ["a domain that was undefined meanwhile is not changed", [handle, "checkDefined(state, command);", ""]],
  ["an expected revision is compared", [handle, "checkRevision(request, before);", ""]],
  ["a command id is used once", [handle, "if (earlier) return earlier;", "void earlier;"]],
  [
    "a command id of a domain that is gone is still known",
    [handle, "if (before !== undefined) return before;", "void before;"],
  ],
  [
    "another command cannot use its id",
    ["src/commands/result/repeat.ts", "if (!isSameCommand(first, command, operation.state.id))", "if (false)"],
  ],
  ["a plan changes nothing", [handle, "if (request.plan) return preview", "if (false) return preview"]],
  // Files that others touch, and what folds write.
  ["nobody is defined on an image with errors", [fit, "if (fault) throw unfitImage(path, fault.why);", "void fault;"]],
  [
    "a head that was left half-way is repaired before it is frozen",
    ["src/commands/operation/run-steps.ts", "of plan.repairs ?? [])", 'of [] as NonNullable<Plan["repairs"]>)'],
  ],
  [
    "nobody builds on files that changed behind the log",
    ["src/commands/rules/heads.ts", "if (changed.length === 0) return;", "return;"],
  ],
  ["what changed behind the log is not folded", [compact, "if (changed.length > 0) throw", "if (false) throw"]],
  [
    "a fold is announced before it writes",
    [
      compact,
      'await operation.append({ type: "FoldStarted", schema: 1, data: { target, from: from.id, into: into.id, repoint } });',
      "",
    ],
  ],
  ["a commit is proven before anything is unlinked", [compact, "if (lost !== null) throw", "if (false) throw"]],
  [
    "what a file would show once it grows is cleared before",
    ["src/drivers/memory/files.ts", "of wouldShow(layer, world.wholeChain(into.path), end))", "of [] as number[])"],
  ],
  ["a half-written base takes no other merge", [baseImage, "if (!isBegun(state, base, role)) continue;", "continue;"]],
  [
    "a fold that has begun goes first",
    [layers, "isBegun(state, into.id, from.id) ? 0 : depthOf", "false ? 0 : depthOf"],
  ],
  [
    "a fold that waits for the guest stops no other",
    [layers, 'held.has(into.id) && !isBegun(state, into.id, from.id) ? "guest" : null', "false ? null : null"],
    [compact, "if (waits) waiting.set(into.id, error);", "if (false) waiting.set(into.id, error);"],
  ],
  // What the rules see.
  [
    "rules that look across domains append where they were decided",
    ["src/commands/operation/intent.ts", "position === null ? {} : { expectedPosition: position }", "{}"],
  ],
  [
    "users are told by device and inode, not by path",
    [
      "src/commands/facts/observe.ts",
      "isSame(seen, use) || (now && isSame(seen, now))",
      "seen.facts.path === use.path",
    ],
  ],
  [
    "users are counted over whole chains",
    [directory, "[file, ...chain].map((one) => asUse", "[file].map((one) => asUse"],
  ],
  [
    "files that undefine kept still count",
    [directory, "for (const disk of domain.disks) disk.kept = true", "domain.disks = []"],
  ],
  [
    "whoever is being defined on a base is its user",
    [directory, "[...domain.disks, ...claimed]", "[...domain.disks, ...claimed.slice(claimed.length)]"],
  ],
  [
    "a head of another size is dirty",
    ["src/commands/rules/heads.ts", " || now.virtualBytes !== file.virtualBytes", ""],
  ],
  ["a longer head is dirty", ["src/commands/rules/heads.ts", "now?.bytes !== file.bytes || ", "now === undefined || "]],
  // Events and what they mean.
  [
    "the intent is recorded first",
    [
      "src/commands/operation/intent.ts",
      'await operation.append({ type: "OperationStarted", schema: 1, data }, expected);',
      "void data; void expected;",
    ],
  ],
  [
    "a refusal is recorded",
    ["src/commands/operation/intent.ts", "if (operation.state.defined) {", 'if (operation.state.name === "") {'],
  ],
  [
    "the base role refers to the merged layer",
    ["src/projections/layers.ts", ", ...Object.values(state.baseRoles)]", "]"],
    ["src/projections/layers.ts", "if (state.heads[target] === from.id) throw", "if (false) throw"],
  ],
  ["a merge into the base moves its role", [domain, "state.baseRoles = { ...merged.layers };", ""]],
  [
    "the target takes the merged snapshot's memory, or none",
    [domain, "Object.assign(target, { layers, memory, state", "Object.assign(target, { layers, state"],
  ],
  [
    "the target takes the merged snapshot's layers",
    [domain, "Object.assign(target, { layers, memory", "Object.assign(target, { memory"],
  ],
  [
    "what hung on the merged snapshot hangs on its target",
    [domain, "for (const child of data.children) hang(state, child.id, into);", ""],
  ],
  ["what becomes current becomes active", [domain, "if (snapshot) snapshot.active = true;", ""]],
  [
    "what a head measured when it was made tells whether it is dirty",
    [domain, "return state.heads[target] === id ? file : now;", "void target; void id; void file; return now;"],
  ],
  [
    "an autosave is inside the event of the move",
    ["src/commands/rules/create-with-snapshot.ts", "...left(made) }", "...left(made), autosave: null }"],
  ],
  [
    "a deactivation saves what it leaves",
    ["src/commands/rules/deactivate.ts", "...left(made) }", "...left(made), autosave: null }"],
  ],
  // The order of things.
  [
    "files are removed after the event, never before",
    [
      handle,
      "return operation.append(accepted.outcome(made));",
      "for (const path of accepted.plan.removes) await operation.driver.remove(path); return operation.append(accepted.outcome(made));",
    ],
  ],
  [
    "what a failed step made is taken away",
    [
      handle,
      "const undone = await undo(operation, plan).catch",
      "const undone = await Promise.resolve<string[]>([]).catch",
    ],
  ],
  [
    "overlays are made before the event",
    [
      handle,
      "made = await runSteps(operation, accepted.plan, watch);",
      "made = await runSteps(operation, { ...accepted.plan, steps: accepted.plan.steps.slice(1) }, watch).then((some) => ({ ...some, files: new Map(accepted.plan.steps.flatMap((step) => step.step === 'freeze' ? [] : [[step.layer, { device: '1', inode: '1', path: step.path, format: 'qcow2' as const, bytes: 196616, virtualBytes: 20480, mtimeNs: '0' }]]))}));",
    ],
  ],
  [
    "what nothing refers to is removed",
    [handle, "const removal = await removeGarbage(operation);", "const removal = { removed: [], blockedBy: null };"],
    [recover, "const removal = await removeGarbage(operation);", "const removal = { removed: [], blockedBy: null };"],
    [compact, "  await removeGarbage(operation);\n}", "}"],
  ],
  [
    "the lower file is described by the event once it is folded",
    [
      compact,
      'await operation.append({\n    type: "LayersCompacted"',
      'await driver.remove(upper.path); await operation.append({\n    type: "LayersCompacted"',
    ],
  ],
  [
    "dependents are re-pointed before the fold is recorded",
    [compact, "for (const dependent of dependents) await driver.repoint(backingOf(dependent), lower, watch);", ""],
  ],
  ["a fold writes the upper file's content", [compact, "await driver.commit(step, watch);", ""]],
  [
    "a larger lower file is cut before dependents are re-pointed",
    [compact, "if (into.backing !== null) await driver.shrink", "if (false) await driver.shrink"],
  ],
  [
    "a running guest's file is not cut",
    [compact, "live && seen.facts.virtualBytes > content.facts.virtualBytes", "false"],
  ],
  ["a running guest's chain is folded by QEMU", [compact, "if (live) {", "if (false) {"]],
  // What has begun goes first, which is another defence.
  [
    "links are put back to the log before a command",
    [recover, "await restoreLinks(operation, watch)", "[]"],
    [layers, "isBegun(state, into.id, from.id) ? 0 : depthOf", "false ? 0 : depthOf"],
  ],
  [
    "links are put back to the log after folds that recovery could not end",
    [
      handle,
      "recovery.compaction.blockedBy ? compactAgain : compact",
      "recovery.compaction.blockedBy ? compact : compact",
    ],
    [layers, "isBegun(state, into.id, from.id) ? 0 : depthOf", "false ? 0 : depthOf"],
  ],
  ["a running guest's links are left alone", [compact, "if (held.has(id)) continue;", ""]],
  ["a dead operation is resolved", [recover, "await resolveDeadOperation(operation, found);", ""]],
  [
    "what a dead operation made is taken away",
    [
      recover,
      "const undone = mayHaveHappened ? [] : await undo(operation, dead.plan);",
      "const undone: string[] = [];",
    ],
  ],
  [
    "nothing is undone by the word of a log that cannot go on",
    [recover, "await operation.stage.log.use((log) => log.append([]));", ""],
  ],
  [
    "a guest that was moved is what decides of a dead freeze",
    [recover, "if (memory === undefined) return false;", "return false;"],
  ],
  [
    "what a guest shows decides of a dead command to it",
    [recover, "return (await isDoneToGuest(operation, command)) &&", "return false &&"],
  ],
  [
    "heads that only recovery recorded count as dirty",
    ["src/commands/operation/run-steps.ts", "{ ...seen.facts, bytes: 0 }", "seen.facts"],
  ],
  [
    "a dead command decides again with the ids it had",
    [recover, "ids.next().value ?? stage.newId()", "stage.newId() + (ids.next().value ?? '').slice(36)"],
  ],
  ["a guest that ended by itself is noticed", [recover, "await noticeGuest(operation, found);", ""]],
  [
    "compaction is taken up again",
    [
      recover,
      "const compaction = await compact(operation, watch);",
      "const compaction = { folded: 0, pending: [], blockedBy: null }; void watch;",
    ],
  ],
  [
    "a blocked fold appends nothing",
    [
      compact,
      "blocked.set(target, error);",
      'blocked.set(target, error); await operation.append({ type: "LayersRemoved", schema: 1, data: { files: [] } });',
    ],
  ],
  [
    "a merge into the base that is not folded is no plain success",
    ["src/commands/result/pending-folds.ts", "if (pending.length === 0 ||", "if (pending.length >= 0 ||"],
  ],
  [
    "a live layer is described as it is once it is frozen",
    [
      "src/commands/operation/run-steps.ts",
      'if (!plan.steps.some(({ step }) => step === "freeze")) return made;',
      "return made;",
    ],
  ],
  [
    "the memory that is loaded is that of the snapshot",
    ["src/commands/rules/create-with-snapshot.ts", "const memory = current?.memory ?? null;", "const memory = null;"],
  ],
  // The log.
  [
    "a failed write stops the log",
    [
      "src/events/append-queue.ts",
      "this.#broken = unwritable(cause, this.#durable.position);",
      "unwritable(cause, this.#durable.position);",
    ],
  ],
  [
    "an append names the revision it follows",
    ["src/events/append-queue.ts", 'expect("revision", options.expectedRevision, revision ?? 0);', ""],
  ],
  [
    "an append names the position it follows",
    ["src/events/append-queue.ts", 'expect("position", options.expectedPosition, this.#tail.position);', ""],
  ],
  [
    "a clock that went back never goes back in the log",
    ["src/events/seal.ts", "time: behind ? previous.time : said", "time: said"],
  ],
  ["records are linked", ["src/events/seal.ts", "previousHash: previous.hash,", "previousHash: zeroHash,"]],
  [
    "a checkpoint is of this log",
    [
      "src/queries/cache/cached-states.ts",
      "record.position === checkpoint.position && record.hash === checkpoint.hash",
      "true",
    ],
  ],
];

export const mutants: readonly Mutant[] = rows.map(([rule, ...off]) => ({ rule, off }));

/** What files in RAM cannot show, and the test that does: `npm run test:rules-off` switches these off against it. */
export const unseen: readonly { readonly rule: string; readonly why: string; readonly test: string }[] = [
  {
    rule: "commit always names its target, and the layer must be backed by it",
    why: "it is an argument of qemu-img; the memory driver refuses another link by itself",
    test: "test/suites/driver.test.ts",
  },
  {
    rule: "leaks are repaired before the fold is recorded",
    why: "clusters of simulated files do not leak",
    test: "test/crash/folds.test.ts",
  },
  {
    rule: "every program that changes a file is known to whoever comes after its manager",
    why: "the memory driver spawns none",
    test: "test/crash/kills.test.ts",
  },
  {
    rule: "a base that was replaced is not folded into",
    why: "nobody replaces a base image in a run",
    test: "test/crash/bases.test.ts",
  },
];
