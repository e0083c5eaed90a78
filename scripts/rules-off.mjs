// rules-off.mjs: switches off, one at a time, each rule without which data was lost, and expects a test to fail. In a
// copy: nothing here is changed. Prints a line per rule; exits 1 when a rule could go without any test noticing.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Each: what is switched off, where (text and what stands there instead), and the tests that have to notice. */
const rules = [
  {
    rule: "the base role refers to the merged layer, and a dependent is never a head",
    file: "src/projections/layers.ts",
    off: [
      [", ...Object.values(state.baseRoles)]", "]"],
      ["if (state.heads[target] === from.id) throw", "if (false) throw"],
    ],
    tests: ["test/crash/folds.test.ts", "a dependent is never a head"],
  },
  {
    rule: "nobody is defined on a base that is being rewritten",
    file: "src/commands/rules/define.ts",
    off: [["of define.pending)", "of [])"]],
    tests: ["test/crash/bases.test.ts", "nobody is defined on the base"],
  },
  {
    rule: "rules that look across domains append where they were decided",
    file: "src/commands/operation/intent.ts",
    off: [["position === null ? {} : { expectedPosition: position }", "{}"]],
    tests: ["test/crash/bases.test.ts", "between a merge's facts and its intent"],
  },
  {
    rule: "a base is rewritten by its sole user",
    file: "src/commands/rules/base-image.ts",
    off: [["users.length > 0", "false"]],
    tests: ["test/crash/bases.test.ts", "two disks of one domain"],
  },
  {
    rule: "users are told by device and inode, not by path",
    file: "src/commands/facts/observe.ts",
    off: [["isSame(seen, use) || (now && isSame(seen, now))", "seen.facts.path === use.path"]],
    tests: ["test/crash/bases.test.ts", "by hard link"],
  },
  {
    rule: "users are counted over whole chains",
    file: "src/projections/directory.ts",
    off: [["[file, ...chain].map((one) => asUse", "[file].map((one) => asUse"]],
    tests: ["test/crash/bases.test.ts", "by backing file"],
  },
  {
    rule: "files that undefine kept still count",
    file: "src/projections/directory.ts",
    off: [["for (const disk of domain.disks) disk.kept = true", "domain.disks = []"]],
    tests: ["test/crash/bases.test.ts", "undefine left on disk"],
  },
  {
    rule: "files that undefine left on a disk that is not mounted still count",
    file: "src/commands/facts/observe.ts",
    off: [["return at !== path && there.device === device", "return at !== path"]],
    tests: ["test/crash/bases.test.ts", "is not mounted"],
  },
  {
    rule: "a base that was replaced is not folded into",
    file: "src/commands/recovery/compact.ts",
    off: [["if (changed.length > 0) throw", "if (false) throw"]],
    tests: ["test/crash/bases.test.ts", "replaced by another file"],
  },
  {
    rule: "a file that would show old bytes does not grow under a guest",
    file: "src/commands/recovery/compact.ts",
    off: [["!underWay && !(await driver.canCommitLive(step))", "false"]],
    tests: ["test/guest/sizes.test.ts", "would show what a file was cut by"],
  },
  {
    rule: "undefine is refused while a fold waits",
    file: "src/commands/rules/undefine.ts",
    off: [["if (folds.length === 0) return;", "return;"]],
    tests: ["test/crash/bases.test.ts", "whose merge waits"],
  },
  {
    rule: "links are put back to the log before folds",
    file: "src/commands/recovery/compact.ts",
    off: [["if (foldsOf(state).length === 0) return restored;", "return restored;"]],
    tests: ["test/crash/kills.test.ts", "a link that is written late"],
  },
  {
    rule: "only a link that a fold can have moved is put back",
    file: "src/commands/facts/links.ts",
    off: [["movedTo(state, layer).some((lower) => leadsTo(seen, lower))", "true"]],
    tests: ["test/crash/wrong-files.test.ts", "never put back under a fold"],
  },
  {
    rule: "what does not read through a folded layer is not re-pointed",
    file: "src/commands/recovery/compact.ts",
    off: [["await checkLinks(operation, [from, ...dependents]);", ""]],
    tests: ["test/crash/wrong-files.test.ts", "not re-pointed by the fold"],
  },
  {
    rule: "a head that is not what the log says is not kept",
    file: "src/commands/rules/heads.ts",
    off: [["if (!wrongHeads) return;", "return;"]],
    tests: ["test/crash/wrong-files.test.ts", "neither frozen nor left"],
  },
  {
    rule: "commit always names its target, and the layer must be backed by it",
    file: "src/drivers/qemu-img/fold.ts",
    off: [
      ["if (!isBackedBy(layer, into)) throw wrongLink(from.path, layer.backing, into.path);", "void layer;"],
      ['from.format, "-b", into.path, from.path]', "from.format, from.path]"],
    ],
    tests: ["test/suites/driver.test.ts", "that the layer is not backed by"],
  },
  {
    rule: "a larger lower file is cut before dependents are re-pointed",
    file: "src/commands/recovery/compact.ts",
    off: [["if (into.backing !== null) await driver.shrink", "if (false) await driver.shrink"]],
    tests: ["test/crash/folds.test.ts", "a larger lower file is cut"],
  },
  {
    rule: "a base image is never cut",
    file: "src/commands/rules/base-image.ts",
    off: [["virtualBytes > snapshotBytes", "false"]],
    tests: ["test/crash/folds.test.ts", "a base image is never cut"],
  },
  {
    rule: "the target takes the merged snapshot's memory, or none",
    file: "src/projections/domain.ts",
    off: [["Object.assign(target, { layers, memory, state", "Object.assign(target, { layers, state"]],
    tests: ["test/rules/memory-and-marks.test.ts", "a merge between snapshots"],
  },
  {
    rule: "an autosave is inside the event of the move",
    file: "src/commands/rules/create-with-snapshot.ts",
    off: [["...left(made) }", "...left(made), autosave: null }"]],
    tests: ["test/crash/folds.test.ts", "are one event"],
  },
  {
    rule: "a head of another size is dirty",
    file: "src/commands/rules/heads.ts",
    off: [[" || now.virtualBytes !== file.virtualBytes", ""]],
    tests: ["test/crash/folds.test.ts", "resized and not written to"],
  },
  {
    rule: "leaks are repaired before the fold is recorded",
    file: "src/commands/recovery/compact.ts",
    off: [["live ? Promise.resolve() : driver.repairLeaks(lower, watch)", "Promise.resolve()"]],
    tests: ["test/crash/folds.test.ts", "leaked in the lower file"],
  },
  {
    rule: "a blocked fold appends nothing",
    file: "src/commands/recovery/compact.ts",
    off: [
      [
        "blocked.set(target, error);",
        'blocked.set(target, error); await operation.append({ type: "LayersRemoved", schema: 1, data: { files: [] } });',
      ],
    ],
    tests: ["test/crash/folds.test.ts", "appends nothing however often"],
  },
  {
    rule: "a merge that would orphan is refused",
    file: "src/commands/rules/merge.ts",
    off: [["refuseIfLost(sets.orphaned, command", "refuseIfLost([], command"]],
    tests: ["test/rules/memory-and-marks.test.ts", "a merge is refused"],
  },
  {
    rule: "a discard that would orphan is refused",
    file: "src/commands/rules/discard.ts",
    off: [["refuseIfLost(orphaned, command", "refuseIfLost([], command"]],
    tests: ["test/rules/memory-and-marks.test.ts", "a discard is refused"],
  },
  {
    rule: "every program that changes a file is known to whoever comes after its manager",
    file: "src/store/lock/domain-lock.ts",
    off: [["[...(readLockFile(path)?.children ?? []), ...unnoted(domain)]", "[]"]],
    tests: ["test/crash/kills.test.ts", "the manager alone killed in qemu-img rebase"],
  },
];

const copy = mkdtempSync(join(tmpdir(), "snapledger-rules-"));
let unnoticed = 0;
try {
  for (const name of ["src", "test", "scripts", "package.json", "vitest.config.ts", "tsconfig.json"]) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  for (const rule of rules) if (!isNoticed(rule)) unnoticed++;
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${rules.length} rules, ${unnoticed} could go unnoticed`);
process.exitCode = unnoticed > 0 ? 1 : 0;

function isNoticed({ rule, file, off, tests: [tests, name] }) {
  const path = join(copy, file);
  const before = readFileSync(path, "utf8");
  const passed = run(tests, name);
  writeFileSync(
    path,
    off.reduce((text, [rule, nothing]) => replaceOnce(text, rule, nothing, file), before),
  );
  const without = run(tests, name);
  writeFileSync(path, before);
  // A test that fails anyway, or was not even found, notices nothing.
  const noticed = passed.failed === 0 && passed.passed > 0 && without.failed > 0;
  const how = `with it ${passed.passed} passed, ${passed.failed} failed; without ${without.failed} failed`;
  console.log(`${noticed ? "noticed  " : "UNNOTICED"}  ${rule} (${how})`);
  return noticed;
}

function replaceOnce(text, from, to, file) {
  if (text.split(from).length !== 2) throw new Error(`${file} does not hold this text once any more: ${from}`);
  return text.replace(from, () => to);
}

function run(tests, name) {
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const args = [vitest, "run", tests, "-t", name, "--reporter=json"];
  const { stdout } = spawnSync(process.execPath, args, { cwd: copy, encoding: "utf8", maxBuffer: 2 ** 26 });
  const { numPassedTests: passed, numFailedTests: failed } = JSON.parse(stdout.slice(stdout.indexOf("{")));
  return { passed, failed };
}
