import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { MiB, makeQcow2 } from "../support/images.ts";
import { withFakeTool } from "../support/fake-qemu-img.ts";
import { withTree } from "../support/scene.ts";

/** With `--wait 0` none of them waits for anybody: neither for the log nor for the merge, which does not end. */
const reading = [
  ["list"],
  ["dominfo", "web"],
  ["domstate", "web"],
  ["domblklist", "web"],
  ["snapshot-list", "web"],
  ["snapshot-list", "web", "--tree"],
  ["snapshot-info", "web", "a"],
  ["snapshot-dumpxml", "web", "a"],
  ["snapshot-parent", "web", "a"],
  ["snapshot-current", "web"],
  ["log"],
  ["log", "web"],
  ["show", "1"],
  ["head"],
  ["verify"],
  ["backup", "while-it-merges.tar.gz"],
  ["snapshot-deactivate", "web", "a", "--discard-force", "--plan"],
];

it("while a merge runs in one process every reading verb works in others, and so does a create on another domain", async () => {
  const web = await withTree();
  await web.ok("define", "--name", "other", "--disk", `vda=${await makeQcow2(join(web.home, "other.qcow2"), MiB)}`);
  const mark = join(web.home, "begun");
  const slow = withFakeTool(web, "commit", `touch ${mark}; exec sleep 600`);
  const merging = slow.start("snapshot-deactivate", "web", "c", "--mergeforce");
  while (!existsSync(mark)) await sleep(10);

  for (const verb of reading) {
    const { status, stdout, stderr } = await web.run("--wait", "0", ...verb);
    expect([verb, status, stderr.includes("error")]).toEqual([verb, 0, false]);
    expect(stdout, verb.join(" ")).not.toBe("");
  }
  expect(await web.ok("--wait", "0", "snapshot-create-as", "other", "one", "--offline")).toContain("one");
  const second = await web.run("--wait", "0", "snapshot-create-as", "web", "d", "--offline");
  expect(second.status).toBe(5);
  expect(second.stderr).toContain(`pid ${merging.pid}`);
  expect(merging.exitCode).toBeNull();

  merging.kill("SIGINT");
  await once(merging, "close");
  expect(await web.ok("compact", "web")).toContain("1 done, 0 pending");
  expect(await web.ok("verify", "--files")).toContain("0 differ");
});
