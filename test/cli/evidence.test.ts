import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Evidence } from "../../src/connection/api.ts";
import type { Terminal } from "../support/built-cli.ts";
import { logLength, withDemo } from "../support/scene.ts";

/** But for what the program remembers of stores. */
const filesOf = ({ home }: Terminal) =>
  readdirSync(home)
    .filter((name) => name !== ".local")
    .sort();

describe("export-evidence", () => {
  let demo: Terminal;
  beforeAll(async () => {
    demo = await withDemo();
    await demo.ok("snapshot-create-as", "demo", "one", "--offline");
  });

  it("writes a bundle for its owner alone, closes it in the log, and says by which key", async () => {
    const fingerprint = (await demo.ok("key", "--fingerprint")).trimEnd();
    const said = await demo.ok("export-evidence", "demo", "-o", "web.tar.gz", "--ticket", "AUDIT-7");
    expect(said).toMatch(/^Written \/\S+\/web\.tar\.gz \([\d.]+ KiB\)\nDomain: +demo\nRevisions: +1 to 4\n/);
    expect(said).toContain(`Closed by:      position ${await logLength(demo)}\nFingerprint:    ${fingerprint}\n`);
    expect(statSync(join(demo.home, "web.tar.gz")).mode & 0o777).toBe(0o600);
    const last = (await demo.ok("log", "demo")).trimEnd().split("\n").at(-1);
    expect(last).toMatch(/exported evidence of demo: revisions 1 to 4 \(ticket AUDIT-7\)$/);
    expect(filesOf(demo)).toEqual(["store", "web.tar.gz"]);
  });

  it("with --plan says what it would hold, and changes nothing", async () => {
    const before = await logLength(demo);
    const said = await demo.ok("export-evidence", "demo", "-o", "plan.tar.gz", "--plan");
    expect(said).toMatch(/^Would write \S+; nothing was changed\n/);
    expect([existsSync(join(demo.home, "plan.tar.gz")), await logLength(demo)]).toEqual([false, before]);
  });

  it("takes times as people write them", async () => {
    const period = ["--since", "2026-01-01", "--until", "2026-02-03T04:05:06+01:00"];
    const planned = (await demo.json("export-evidence", "demo", "-o", "x", "--plan", ...period)) as Evidence;
    expect(planned).toMatchObject({ since: "2026-01-01T00:00:00.000Z", until: "2026-02-03T03:05:06.000Z" });
  });

  it("refuses what is wrong before it records anything", async () => {
    const before = await logLength(demo);
    writeFileSync(join(demo.home, "there"), "");
    const cases: [string[], number, string][] = [
      [["demo"], 2, "USAGE"],
      [["demo", "-o", "there"], 3, "FILE_EXISTS"],
      [["demo", "-o", "no/such/folder/x"], 4, "FILE_NOT_FOUND"],
      [["nope", "-o", "x"], 4, "DOMAIN_NOT_FOUND"],
      [["demo", "-o", "x", "--since", "tomorrow"], 2, "USAGE"],
      [["demo", "-o", "x", "--since", "2026-02-30T25:00"], 2, "USAGE"],
      [["demo", "-o", "x", "--since", "2026-02-01", "--until", "2026-01-01"], 2, "USAGE"],
      [["demo", "-o", "x", "--key", "nowhere.pem"], 4, "FILE_NOT_FOUND"],
      [["demo", "-o", "x", "--expect-revision", "1"], 5, "REVISION_CONFLICT"],
    ];
    for (const [args, status, code] of cases) {
      const ran = await demo.run("export-evidence", ...args);
      expect([ran.status, ran.stderr.split(/[[\]]/)[1]], args.join(" ")).toEqual([status, code]);
      expect(ran.stderr).toMatch(/^error .*\nhint: .*\n$/);
    }
    expect(await logLength(demo)).toBe(before);
    expect(filesOf(demo)).toEqual(["store", "there", "web.tar.gz"]);
  });

  it("is done once for a command id", async () => {
    await demo.ok("export-evidence", "demo", "-o", "once.tar.gz", "--command-id", "audit-7");
    const again = await demo.run("export-evidence", "demo", "-o", "twice.tar.gz", "--command-id", "audit-7");
    expect([again.status, again.stderr.split(/[[\]]/)[1]]).toEqual([5, "COMMAND_ID_REUSED"]);
    const other = await demo.run("start", "demo", "--command-id", "audit-7");
    expect([other.status, other.stderr.split(/[[\]]/)[1]]).toEqual([5, "COMMAND_ID_REUSED"]);
  });

  it("leaves the domain as it was, which works on; and goes on after it is undefined", async () => {
    const info = (await demo.json("dominfo", "demo")) as { id: string };
    await demo.ok("snapshot-create-as", "demo", "two", "--offline");
    await demo.ok("undefine", "demo", "--discard-all");
    expect((await demo.run("export-evidence", "other", "-o", "gone.tar.gz")).status).toBe(4);
    expect(await demo.ok("export-evidence", info.id, "-o", "gone.tar.gz")).toContain("Domain:         demo\n");
    expect(await demo.ok("export-evidence", "demo", "-o", "by-name.tar.gz"), "who had the name last").toContain(
      "Domain:         demo\n",
    );
    expect(await demo.ok("verify")).toContain("records verified");
  });
});
