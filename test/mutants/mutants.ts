/** What is to stand instead of a text that a file holds exactly once. */
export type Off = readonly [file: string, text: string, instead: string];

/** Tests: a file, and what their names hold. */
export type NamedTests = readonly [file: string, name: string];

/** A rule, how it is switched off, and who has to notice: `npm run simulate:mutants`, `npm run test:rules-off`, or both. */
export interface Mutant {
  readonly rule: string;
  readonly off: readonly Off[];
  readonly noticedBy: readonly ("simulation" | NamedTests)[];
}

const simulation = "simulation";

/** The file's text with all of it that is to be switched off replaced; throws when one is not found exactly once. */
export function switchOff(file: string, text: string, off: readonly Off[]): string {
  let changed = text;
  for (const [, rule, instead] of off.filter(([from]) => from === file)) {
    if (changed.split(rule).length !== 2) throw new Error(`${file} does not hold this text exactly once: ${rule}`);
    changed = changed.replace(rule, () => instead);
  }
  return changed;
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
const directory = "src/projections/file-directory.ts";
const discard = "src/commands/rules/discard.ts";
const createWithSnapshot = "src/commands/rules/create-with-snapshot.ts";
const undefine = "src/commands/rules/undefine.ts";
const heads = "src/commands/rules/heads.ts";
const define = "src/commands/rules/define.ts";
const observe = "src/commands/facts/observe.ts";
const runSteps = "src/commands/operation/run-steps.ts";
const intent = "src/commands/operation/intent.ts";
const appendQueue = "src/events/append-queue.ts";

const foldsTest = "test/crash/folds.test.ts";
const basesTest = "test/crash/bases.test.ts";
const sizesTest = "test/guest/sizes.test.ts";
const killsTest = "test/crash/kills.test.ts";
const wrongFilesTest = "test/crash/wrong-files.test.ts";
const driverTest = "test/suites/driver.test.ts";
const memoryAndMarksTest = "test/rules/memory-and-marks.test.ts";

export const mutants: readonly Mutant[] = [
  // Refusals.
  {
    rule: "a merge that would orphan is refused",
    off: [[merge, "refuseIfLost(sets.orphaned, command", "refuseIfLost([], command"]],
    noticedBy: [simulation, [memoryAndMarksTest, "a merge is refused"]],
  },
  {
    rule: "a discard that would orphan is refused",
    off: [[discard, "refuseIfLost(orphaned, command", "refuseIfLost([], command"]],
    noticedBy: [simulation, [memoryAndMarksTest, "a discard is refused"]],
  },
  {
    rule: "a base is rewritten by its sole user",
    off: [[baseImage, "users.length > 0", "false"]],
    noticedBy: [simulation, [basesTest, "two disks of one domain"]],
  },
  {
    rule: "a read-only base is not rewritten",
    off: [[baseImage, "if (!writable)", "if (false)"]],
    noticedBy: [simulation],
  },
  {
    rule: "a base image is never cut",
    off: [[baseImage, "virtualBytes > snapshotBytes", "false"]],
    noticedBy: [simulation, [foldsTest, "a base image is never cut"]],
  },
  {
    rule: "the fold into a base image comes last",
    off: [[layers, 'state.baseRoles[into.target] === from.id ? null : "others"', "null"]],
    noticedBy: [simulation],
  },
  {
    rule: "no merge moves the heads of a running guest",
    off: [[merge, 'headsMove && facts.guest !== "off"', "false"]],
    noticedBy: [simulation],
  },
  {
    rule: "no discard moves the heads of a running guest",
    off: [[discard, 'through && facts.guest !== "off"', "false"]],
    noticedBy: [simulation],
  },
  {
    rule: "no deactivation moves the heads of a running guest",
    off: [["src/commands/rules/deactivate.ts", 'if (facts.guest !== "off")', "if (false)"]],
    noticedBy: [simulation],
  },
  {
    rule: "no start moves the heads of a running guest",
    off: [[createWithSnapshot, 'if (facts.guest !== "off")', "if (false)"]],
    noticedBy: [simulation],
  },
  {
    rule: "a running domain is not undefined",
    off: [[undefine, 'if (facts.guest !== "off")', "if (false)"]],
    noticedBy: [simulation],
  },
  {
    rule: "undefine is refused while a fold waits",
    off: [[undefine, "if (folds.length === 0) return;", "return;"]],
    noticedBy: [simulation, [basesTest, "whose merge waits"]],
  },
  {
    rule: "undefine is refused while there are snapshots",
    off: [[undefine, "if (names.length > 0) {", "if (names.length < 0) {"]],
    noticedBy: [simulation],
  },
  {
    rule: "undefine is refused while heads are dirty",
    off: [[undefine, "if (dirty) refuse", "if (false) refuse"]],
    noticedBy: [simulation],
  },
  {
    rule: "a snapshot's name is used once",
    off: [[create, "if (state.byName.has(name))", "if (false)"]],
    noticedBy: [simulation],
  },
  {
    rule: "a stopped domain needs --offline",
    off: [[create, 'if (facts.guest === "off" && !command.offline)', "if (false)"]],
    noticedBy: [simulation],
  },
  {
    rule: "a running guest's layers are not compressed",
    off: [[create, "if (!savesMemory(facts, command)) {", "if (false) {"]],
    noticedBy: [simulation],
  },
  {
    rule: "a memory is compressed by a method that the driver has",
    off: [[create, "if (methods.some((method) => method === compression)) return;", "return;"]],
    noticedBy: [simulation],
  },
  {
    rule: "nothing quiesces without an agent",
    off: [[create, "if (command.quiesce === true) checkQuiesce(state, facts, command);", "void checkQuiesce;"]],
    noticedBy: [simulation],
  },
  {
    rule: "chains have a limit",
    off: [["src/commands/rules/limits.ts", "if (depth <= domainLimits.chainLayers) return;", "return;"]],
    noticedBy: [simulation],
  },
  {
    rule: "snapshots have a limit",
    off: [["src/commands/rules/limits.ts", "if (state.snapshots.size < domainLimits.snapshots) return;", "return;"]],
    noticedBy: [simulation],
  },
  {
    rule: "an autosave counts for the limits",
    off: [["src/commands/rules/leave-heads.ts", "checkLimits(state);", "void checkLimits;"]],
    noticedBy: [simulation],
  },
  {
    rule: "a domain's name is used once",
    off: [[define, "if (define.taken !== null)", "if (false)"]],
    noticedBy: [simulation],
  },
  {
    rule: "a name is taken by whoever begins to define it",
    off: [[observe, "if (defining !== undefined && defining !== uuid) return name;", ""]],
    noticedBy: [simulation],
  },
  {
    rule: "nobody is defined on a layer of ours",
    off: [[define, "of define.ours)", "of [])"]],
    noticedBy: [simulation],
  },
  {
    rule: "nobody is defined on a base that is being rewritten",
    off: [[define, "of define.pending)", "of [])"]],
    noticedBy: [simulation, [basesTest, "nobody is defined on the base"]],
  },
  {
    rule: "a base is being rewritten from the intent on",
    off: [[directory, "|| (!kept && domain.open?.merges.some((m) => m.target === target))", ""]],
    noticedBy: [simulation],
  },
  {
    rule: "a base is being rewritten to the last fold",
    off: [[directory, "role !== null || (", "("]],
    noticedBy: [simulation],
  },
  {
    rule: "a running guest is not started again",
    off: [["src/commands/rules/start.ts", 'if (facts.guest !== "off") refuse', "if (false) refuse"]],
    noticedBy: [simulation],
  },
  {
    rule: "a guest that is off is not stopped",
    off: [[guest, 'if (facts.guest !== "off") return;\n  const hint', "return;\n  const hint"]],
    noticedBy: [simulation],
  },
  {
    rule: "a paused guest is not asked to shut down",
    off: [["src/commands/rules/shutdown.ts", 'if (facts.guest !== "paused") return;', "return;"]],
    noticedBy: [simulation],
  },
  {
    rule: "a command waits for the one before it on its domain",
    off: [
      [
        handle,
        "const lock = await context.locks.lockDomain({",
        "const lock = await { lockDomain: (): Promise<DomainLock> => Promise.resolve({ operation: () => undefined, child: () => undefined, livingChildren: () => [], release: () => Promise.resolve() }) }.lockDomain({",
      ],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "a domain that was undefined meanwhile is not changed",
    off: [[handle, "checkDefined(state, command);", ""]],
    noticedBy: [simulation],
  },
  {
    rule: "an expected revision is compared",
    off: [[handle, "checkRevision(request, before);", ""]],
    noticedBy: [simulation],
  },
  {
    rule: "a command id is used once",
    off: [[handle, "if (earlier) return earlier;", "void earlier;"]],
    noticedBy: [simulation],
  },
  {
    rule: "a command id of a domain that is gone is still known",
    off: [[handle, "if (before !== undefined) return before;", "void before;"]],
    noticedBy: [simulation],
  },
  {
    rule: "another command cannot use its id",
    off: [["src/commands/result/repeat.ts", "if (!isSameCommand(first, command, operation.state.id))", "if (false)"]],
    noticedBy: [simulation],
  },
  {
    rule: "a plan changes nothing",
    off: [[handle, "if (request.plan) return preview", "if (false) return preview"]],
    noticedBy: [simulation],
  },
  // Files that others touch, and what folds write.
  {
    rule: "nobody is defined on an image with errors",
    off: [[fit, "if (fault) throw unfitImage(path, fault.why);", "void fault;"]],
    noticedBy: [simulation],
  },
  {
    rule: "a head that was left half-way is repaired before it is frozen",
    off: [[runSteps, "of plan.repairs ?? [])", 'of [] as NonNullable<Plan["repairs"]>)']],
    noticedBy: [simulation],
  },
  {
    rule: "nobody builds on files that changed behind the log",
    off: [[heads, "if (changed.length === 0) return;", "return;"]],
    noticedBy: [simulation],
  },
  {
    rule: "what changed behind the log is not folded",
    off: [[compact, "if (changed.length > 0) throw", "if (false) throw"]],
    noticedBy: [simulation],
  },
  {
    rule: "a fold is announced before it writes",
    off: [
      [
        compact,
        'await operation.append({ type: "FoldStarted", schema: 1, data: { target, from: from.id, into: into.id, repoint } });',
        "",
      ],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "a commit is proven before anything is unlinked",
    off: [[compact, "if (lost !== null) throw", "if (false) throw"]],
    noticedBy: [simulation],
  },
  {
    rule: "what a file would show once it grows is cleared before",
    off: [
      ["src/drivers/memory/files.ts", "of wouldShow(layer, world.wholeChain(into.path), end))", "of [] as number[])"],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "a half-written base takes no other merge",
    off: [[baseImage, "if (!isBegun(state, base, role)) continue;", "continue;"]],
    noticedBy: [simulation],
  },
  {
    rule: "a fold that has begun goes first",
    off: [[layers, "isBegun(state, into.id, from.id) ? 0 : depthOf", "false ? 0 : depthOf"]],
    noticedBy: [simulation],
  },
  {
    rule: "a fold that waits for the guest stops no other",
    off: [
      [layers, 'held.has(into.id) && !isBegun(state, into.id, from.id) ? "guest" : null', "false ? null : null"],
      [compact, "if (waits) waiting.set(into.id, error);", "if (false) waiting.set(into.id, error);"],
    ],
    noticedBy: [simulation],
  },
  // What the rules see.
  {
    rule: "rules that look across domains append where they were decided",
    off: [[intent, "position === null ? {} : { expectedPosition: position }", "{}"]],
    noticedBy: [simulation, [basesTest, "between a merge's facts and its intent"]],
  },
  {
    rule: "users are told by device and inode, not by path",
    off: [[observe, "isSame(seen, use) || (now && isSame(seen, now))", "seen.facts.path === use.path"]],
    noticedBy: [simulation, [basesTest, "by hard link"]],
  },
  {
    rule: "users are counted over whole chains",
    off: [[directory, "[file, ...chain].map((one) => asUse", "[file].map((one) => asUse"]],
    noticedBy: [simulation, [basesTest, "by backing file"]],
  },
  {
    rule: "files that undefine kept still count",
    off: [[directory, "for (const disk of domain.disks) disk.kept = true", "domain.disks = []"]],
    noticedBy: [simulation, [basesTest, "undefine left on disk"]],
  },
  {
    rule: "whoever is being defined on a base is its user",
    off: [[directory, "[...domain.disks, ...claimed]", "[...domain.disks, ...claimed.slice(claimed.length)]"]],
    noticedBy: [simulation],
  },
  {
    rule: "a head of another size is dirty",
    off: [[heads, " || now.virtualBytes !== file.virtualBytes", ""]],
    noticedBy: [simulation, [foldsTest, "resized and not written to"]],
  },
  {
    rule: "a longer head is dirty",
    off: [[heads, "now?.bytes !== file.bytes || ", "now === undefined || "]],
    noticedBy: [simulation],
  },
  // Events and what they mean.
  {
    rule: "the intent is recorded first",
    off: [
      [
        intent,
        'await operation.append({ type: "OperationStarted", schema: 1, data }, expected);',
        "void data; void expected;",
      ],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "a refusal is recorded",
    off: [[intent, "if (operation.state.defined) {", 'if (operation.state.name === "") {']],
    noticedBy: [simulation],
  },
  {
    rule: "the base role refers to the merged layer",
    off: [
      ["src/projections/layer-uses.ts", ", ...Object.values(state.baseRoles)]", "]"],
      [layers, "if (state.heads[target] === from.id) throw", "if (false) throw"],
    ],
    noticedBy: [simulation, [foldsTest, "a dependent is never a head"]],
  },
  {
    rule: "a merge into the base moves its role",
    off: [[domain, "state.baseRoles = { ...merged.layers };", ""]],
    noticedBy: [simulation],
  },
  {
    rule: "the target takes the merged snapshot's memory, or none",
    off: [[domain, "Object.assign(target, { layers, memory, state", "Object.assign(target, { layers, state"]],
    noticedBy: [simulation, [memoryAndMarksTest, "a merge between snapshots"]],
  },
  {
    rule: "the target takes the merged snapshot's layers",
    off: [[domain, "Object.assign(target, { layers, memory", "Object.assign(target, { memory"]],
    noticedBy: [simulation],
  },
  {
    rule: "what hung on the merged snapshot hangs on its target",
    off: [[domain, "for (const child of data.children) hang(state, child.id, into);", ""]],
    noticedBy: [simulation],
  },
  {
    rule: "what becomes current becomes active",
    off: [[domain, "if (snapshot) snapshot.active = true;", ""]],
    noticedBy: [simulation],
  },
  {
    rule: "what a head measured when it was made tells whether it is dirty",
    off: [[domain, "return state.heads[target] === id ? file : now;", "void target; void id; void file; return now;"]],
    noticedBy: [simulation],
  },
  {
    rule: "an autosave is inside the event of the move",
    off: [[createWithSnapshot, "...left(made) }", "...left(made), autosave: null }"]],
    noticedBy: [simulation, [foldsTest, "are one event"]],
  },
  {
    rule: "a deactivation saves what it leaves",
    off: [["src/commands/rules/deactivate.ts", "...left(made) }", "...left(made), autosave: null }"]],
    noticedBy: [simulation],
  },
  // The order of things.
  {
    rule: "files are removed after the event, never before",
    off: [
      [
        handle,
        "return operation.append(accepted.outcome(made));",
        "for (const path of accepted.plan.removes) await operation.driver.remove(path); return operation.append(accepted.outcome(made));",
      ],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "what a failed step made is taken away",
    off: [
      [
        handle,
        "const undone = await undo(operation, plan).catch",
        "const undone = await Promise.resolve<string[]>([]).catch",
      ],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "overlays are made before the event",
    off: [
      [
        handle,
        "made = await runSteps(operation, accepted.plan, watch);",
        "made = await runSteps(operation, { ...accepted.plan, steps: accepted.plan.steps.slice(1) }, watch).then((some) => ({ ...some, files: new Map(accepted.plan.steps.flatMap((step) => step.step === 'freeze' ? [] : [[step.layer, { device: '1', inode: '1', path: step.path, format: 'qcow2' as const, bytes: 196616, virtualBytes: 20480, mtimeNs: '0' }]]))}));",
      ],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "what nothing refers to is removed",
    off: [
      [handle, "const removal = await removeGarbage(operation);", "const removal = { removed: [], blockedBy: null };"],
      [recover, "const removal = await removeGarbage(operation);", "const removal = { removed: [], blockedBy: null };"],
      [compact, "  await removeGarbage(operation);\n}", "}"],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "the lower file is described by the event once it is folded",
    off: [
      [
        compact,
        'await operation.append({\n    type: "LayersCompacted"',
        'await driver.remove(upper.path); await operation.append({\n    type: "LayersCompacted"',
      ],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "dependents are re-pointed before the fold is recorded",
    off: [
      [compact, "for (const dependent of dependents) await driver.repoint(backingOf(dependent), lower, watch);", ""],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "a fold writes the upper file's content",
    off: [[compact, "await driver.commit(step, watch);", ""]],
    noticedBy: [simulation],
  },
  {
    rule: "a larger lower file is cut before dependents are re-pointed",
    off: [[compact, "if (into.backing !== null) await driver.shrink", "if (false) await driver.shrink"]],
    noticedBy: [simulation, [foldsTest, "a larger lower file is cut"]],
  },
  {
    rule: "a running guest's file is not cut",
    off: [[compact, "live && seen.facts.virtualBytes > content.facts.virtualBytes", "false"]],
    noticedBy: [simulation],
  },
  {
    rule: "a running guest's chain is folded by QEMU",
    off: [[compact, "if (live) {", "if (false) {"]],
    noticedBy: [simulation],
  },
  // What has begun goes first, which is another defence.
  {
    rule: "links are put back to the log before a command",
    off: [
      [recover, "await restoreLinks(operation, watch)", "[]"],
      [layers, "isBegun(state, into.id, from.id) ? 0 : depthOf", "false ? 0 : depthOf"],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "links are put back to the log after folds that recovery could not end",
    off: [
      [
        handle,
        "recovery.compaction.blockedBy ? compactAgain : compact",
        "recovery.compaction.blockedBy ? compact : compact",
      ],
      [layers, "isBegun(state, into.id, from.id) ? 0 : depthOf", "false ? 0 : depthOf"],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "a running guest's links are left alone",
    off: [[compact, "if (held.has(id)) continue;", ""]],
    noticedBy: [simulation],
  },
  {
    rule: "a dead operation is resolved",
    off: [[recover, "await resolveDeadOperation(operation, found);", ""]],
    noticedBy: [simulation],
  },
  {
    rule: "what a dead operation made is taken away",
    off: [
      [
        recover,
        "const undone = mayHaveHappened ? [] : await undo(operation, dead.plan);",
        "const undone: string[] = [];",
      ],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "nothing is undone by the word of a log that cannot go on",
    off: [[recover, "await operation.context.log.use((log) => log.append([]));", ""]],
    noticedBy: [simulation],
  },
  {
    rule: "a guest that was moved is what decides of a dead freeze",
    off: [[recover, "if (memory === undefined) return false;", "return false;"]],
    noticedBy: [simulation],
  },
  {
    rule: "what a guest shows decides of a dead command to it",
    off: [[recover, "return (await isDoneToGuest(operation, command)) &&", "return false &&"]],
    noticedBy: [simulation],
  },
  {
    rule: "heads that only recovery recorded count as dirty",
    off: [[runSteps, "{ ...seen.facts, bytes: 0 }", "seen.facts"]],
    noticedBy: [simulation],
  },
  {
    rule: "a dead command decides again with the ids it had",
    off: [[recover, "ids.next().value ?? context.newId()", "context.newId() + (ids.next().value ?? '').slice(36)"]],
    noticedBy: [simulation],
  },
  {
    rule: "a guest that ended by itself is noticed",
    off: [[recover, "await noticeGuest(operation, found);", ""]],
    noticedBy: [simulation],
  },
  {
    rule: "compaction is taken up again",
    off: [
      [
        recover,
        "const compaction = await compact(operation, watch);",
        "const compaction = { folded: 0, pending: [], blockedBy: null }; void watch;",
      ],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "a blocked fold appends nothing",
    off: [
      [
        compact,
        "blocked.set(target, error);",
        'blocked.set(target, error); await operation.append({ type: "LayersRemoved", schema: 1, data: { files: [] } });',
      ],
    ],
    noticedBy: [simulation, [foldsTest, "appends nothing however often"]],
  },
  {
    rule: "a merge into the base that is not folded is no plain success",
    off: [["src/commands/result/pending-folds.ts", "if (pending.length === 0 ||", "if (pending.length >= 0 ||"]],
    noticedBy: [simulation],
  },
  {
    rule: "a live layer is described as it is once it is frozen",
    off: [[runSteps, 'if (!plan.steps.some(({ step }) => step === "freeze")) return made;', "return made;"]],
    noticedBy: [simulation],
  },
  {
    rule: "the memory that is loaded is that of the snapshot",
    off: [[createWithSnapshot, "const memory = current?.memory ?? null;", "const memory = null;"]],
    noticedBy: [simulation],
  },
  // The log.
  {
    rule: "a failed write stops the log",
    off: [
      [
        appendQueue,
        "this.#broken = unwritable(cause, this.#durable.position);",
        "unwritable(cause, this.#durable.position);",
      ],
    ],
    noticedBy: [simulation],
  },
  {
    rule: "an append names the revision it follows",
    off: [[appendQueue, 'expect("revision", options.expectedRevision, revision ?? 0);', ""]],
    noticedBy: [simulation],
  },
  {
    rule: "an append names the position it follows",
    off: [[appendQueue, 'expect("position", options.expectedPosition, this.#tail.position);', ""]],
    noticedBy: [simulation],
  },
  {
    rule: "a clock that went back never goes back in the log",
    off: [["src/events/seal.ts", "time: behind ? previous.time : said", "time: said"]],
    noticedBy: [simulation],
  },
  {
    rule: "records are linked",
    off: [["src/events/seal.ts", "previousHash: previous.hash,", "previousHash: zeroHash,"]],
    noticedBy: [simulation],
  },
  {
    rule: "a cached state is of this log",
    off: [
      [
        "src/queries/cache/cached-states.ts",
        "record.position === cached.position && record.hash === cached.hash",
        "true",
      ],
    ],
    noticedBy: [simulation],
  },
  // What the simulation does not show.
  {
    rule: "files that undefine left on a disk that is not mounted still count",
    off: [[observe, "return at !== path && there.device === device", "return at !== path"]],
    noticedBy: [[basesTest, "is not mounted"]],
  },
  // Nobody replaces a base image in a simulated run.
  {
    rule: "a base that was replaced is not folded into",
    off: [[compact, "if (changed.length > 0) throw", "if (false) throw"]],
    noticedBy: [[basesTest, "replaced by another file"]],
  },
  {
    rule: "a file that would show old bytes does not grow under a guest",
    off: [[compact, "!underWay && !(await driver.canCommitLive(step))", "false"]],
    noticedBy: [[sizesTest, "would show what a file was cut by"]],
  },
  {
    rule: "links are put back to the log before folds",
    off: [[compact, "if (foldsOf(state).length === 0) return restored;", "return restored;"]],
    noticedBy: [[killsTest, "a link that is written late"]],
  },
  {
    rule: "only a link that a fold can have moved is put back",
    off: [["src/commands/facts/links.ts", "movedTo(state, layer).some((lower) => hasBacking(seen, lower))", "true"]],
    noticedBy: [[wrongFilesTest, "never put back under a fold"]],
  },
  {
    rule: "what does not read through a folded layer is not re-pointed",
    off: [[compact, "await checkLinks(operation, [from, ...dependents]);", ""]],
    noticedBy: [[wrongFilesTest, "not re-pointed by the fold"]],
  },
  {
    rule: "a head that is not what the log says is not kept",
    off: [[heads, "if (!wrongHeads) return;", "return;"]],
    noticedBy: [[wrongFilesTest, "neither frozen nor left"]],
  },
  // It is an argument of qemu-img; the memory driver refuses another link by itself.
  {
    rule: "commit always names its target, and the layer must be backed by it",
    off: [
      [
        "src/drivers/qemu-img/fold.ts",
        "if (!isBackedBy(layer, into)) throw wrongLink(from.path, layer.backing, into.path);",
        "void layer;",
      ],
      ["src/drivers/qemu-img/fold.ts", 'from.format, "-b", into.path, from.path]', "from.format, from.path]"],
    ],
    noticedBy: [[driverTest, "that the layer is not backed by"]],
  },
  // Clusters of simulated files do not leak.
  {
    rule: "leaks are repaired before the fold is recorded",
    off: [[compact, "live ? Promise.resolve() : driver.repairLeaks(lower, watch)", "Promise.resolve()"]],
    noticedBy: [[foldsTest, "leaked in the lower file"]],
  },
  // The memory driver spawns none.
  {
    rule: "every program that changes a file is known to whoever comes after its manager",
    off: [["src/store/lock/domain-lock.ts", "[...(left.holder?.children ?? []), ...unnoted(domain)]", "[]"]],
    noticedBy: [[killsTest, "the manager alone killed in qemu-img rebase"]],
  },
];
