import { execFile, execFileSync } from "node:child_process";
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { extract } from "tar";
import { beforeAll, describe, expect, it } from "vitest";
import { connect, init } from "../../../src/connection/connection.ts";
import type { Command } from "../../../src/events/command.ts";
import type { EventRecord } from "../../../src/events/events.ts";
import { uuidv7 } from "../../../src/events/ids.ts";
import { systemRandom } from "../../../src/system/random.ts";
import { openStore } from "../../../src/store/store.ts";
import { digest } from "../../../src/evidence/crypto.ts";
import { loadSigner } from "../../../src/evidence/key.ts";
import type { Caller, Connection, Evidence } from "../../../src/connection/api.ts";
import { stopped } from "../../support/events.ts";
import { freshFolder } from "../../support/folders.ts";

const caller: Caller = {
  ...{ user: "ana", uid: 1000, loginUid: 1000, sudoUser: null, host: "hv1", via: "library" },
  ...{ knownBy: "claimed", pid: process.pid },
};
const ids = { web: "0f0e0d0c-0b0a-4908-8706-050403020100", other: "0f0e0d0c-0b0a-4908-8706-050403020101" };

function define(name: keyof typeof ids): Command {
  const disks = [{ target: "vda", path: `/nowhere/${name}.qcow2`, format: "qcow2" }] as const;
  const rest = { memoryMib: null, vcpus: null, unmanaged: [], layersFolder: null, xmlSha256: null };
  return { type: "DefineDomain", uuid: ids[name], name, driver: "memory", disks, ...rest };
}

function creation(domain: string, name: string, offline = true): Command {
  return { type: "CreateSnapshot", domain, name, description: "", compression: null, offline, diskOnly: false };
}

interface Bundle {
  readonly folder: string;
  readonly evidence: Evidence;
}

let store: string;
let connection: Connection;
/** Between the two halves of what happened to `web`. */
let middle: string;
/** The first export, before whose own there is no other. */
let bundle: Bundle;

/** Two domains whose records lie among each other's, over more than one tile of the tree. */
beforeAll(async () => {
  store = join(freshFolder(), "store");
  await (await init(store, caller)).close();
  await fillTile();
  connection = await connect({ store, hold: true });
  for (const name of ["web", "other"] as const) await connection.execute(define(name), caller);
  const odd = { reason: 'quoted "text" %s \\n $HOME `x` — 快照', ticket: "OPS-1" };
  await connection.execute(creation("web", "one"), caller, odd);
  await connection.execute(creation("other", "one"), caller);
  await new Promise((resolve) => setTimeout(resolve, 5));
  middle = new Date().toISOString();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await connection.execute(creation("web", "two"), caller);
  await connection.execute(creation("web", "no", false), caller).catch(() => undefined);
  bundle = await exported();
  return () => connection.close();
});

/** Records of a third domain, as many as a tile of the tree has: what they say does not matter. */
async function fillTile(): Promise<void> {
  const newId = uuidv7(Date.now, systemRandom());
  const access = await openStore(store, { clock: Date.now, newId, waitMs: 1000, hold: false });
  const domain = newId();
  await access.use((log) => log.append(Array.from({ length: 256 }, () => stopped(domain))));
  await access.close();
}

async function exported(since: string | null = null, until: string | null = null): Promise<Bundle> {
  const parent = freshFolder();
  const file = join(parent, "evidence.tar.gz");
  const evidence = await connection.exportEvidence("web", file, { since, until }, caller);
  await extract({ file, cwd: parent });
  const [name = ""] = readdirSync(parent).filter((one) => one.startsWith("evidence-"));
  return { folder: join(parent, name), evidence };
}

const verifiers: readonly (readonly [name: string, program: string, file: string])[] = [
  ["verify.mjs by node", process.execPath, "verify.mjs"],
  ["verify.sh by sh", "sh", "verify.sh"],
];
const shells = ["dash", "bash"].map((shell) => [`verify.sh by ${shell}`, shell, "verify.sh"] as const);

function verify({ folder }: Bundle, program: string, file: string, ...trusted: string[]): Promise<[number, string]> {
  return new Promise((resolve) => {
    execFile(program, [join(folder, file), ...trusted], { cwd: "/" }, (error, stdout) => {
      const last = stdout.trimEnd().split("\n").at(-1) ?? "";
      resolve([error ? Number(error.code) : 0, last]);
    });
  });
}

function copied({ folder, evidence }: Bundle): Bundle {
  const copy = join(freshFolder(), "copy");
  cpSync(folder, copy, { recursive: true });
  return { folder: copy, evidence };
}

/** What each verifier says of a changed copy: neither may find it proven. */
async function refusals(bundle: Bundle, change: (folder: string) => void | Promise<void>): Promise<string[]> {
  const copy = copied(bundle);
  await change(copy.folder);
  const refused = verifiers.map(async ([, program, file]) => {
    const [status, last] = await verify(copy, program, file, bundle.evidence.fingerprint);
    expect([status, last.slice(0, 12)]).toEqual([1, "NOT PROVEN: "]);
    return last.slice(12);
  });
  return Promise.all(refused);
}

/** What an operator could do who has the key and wants to hide something: the manifest is signed again. */
async function signedAgain(folder: string, { evidence: { checkpoint } }: Bundle): Promise<void> {
  const signer = await loadSigner(join(store, "key.pem"), checkpoint?.origin ?? "");
  const names = readdirSync(folder).filter((name) => name !== "manifest");
  const sums = names.map((name) => {
    return `${Buffer.from(digest(readFileSync(join(folder, name)))).toString("hex")}  ${name}\n`;
  });
  writeFileSync(join(folder, "manifest"), signer.sign(`snapledger evidence 1\n${sums.join("")}`));
}

/** The same, after changing records and proofs, which are given as lines. */
function forged(bundle: Bundle, change: (records: string[], proofs: string[]) => void): Promise<string[]> {
  return refusals(bundle, async (folder) => {
    const [records, proofs] = ["records.ndjson", "proofs.ndjson"].map((name) =>
      readFileSync(join(folder, name), "utf8").trimEnd().split("\n"),
    ) as [string[], string[]];
    change(records, proofs);
    writeFileSync(join(folder, "records.ndjson"), records.map((line) => `${line}\n`).join(""));
    writeFileSync(join(folder, "proofs.ndjson"), proofs.map((line) => `${line}\n`).join(""));
    await signedAgain(folder, bundle);
  });
}

describe("an evidence bundle", () => {
  it("holds the domain's stored lines, byte for byte, and the export that closes them", async () => {
    const stored: string[] = [];
    for await (const { line, record } of connection.read({ domain: "web" }))
      if (record.position <= (bundle.evidence.position ?? 0)) stored.push(`${line}\n`);
    expect(readFileSync(join(bundle.folder, "records.ndjson"), "utf8")).toBe(stored.join(""));
    expect(JSON.parse(stored.at(-1) ?? "")).toMatchObject({ type: "EvidenceExported", data: { firstRevision: 1 } });
  });

  it.each([verifiers[0]!, ...shells])("is proven to whoever has the fingerprint: %s", async (_, program, file) => {
    const { fingerprint } = bundle.evidence;
    expect(await verify(bundle, program, file, fingerprint)).toEqual([0, "PROVEN"]);
    expect(await verify(bundle, program, file, fingerprint.replace("sha256:", ""))).toEqual([0, "PROVEN"]);
    expect(await verify(bundle, program, file)).toEqual([2, "UNTRUSTED KEY"]);
    const [status, last] = await verify(bundle, program, file, `sha256:${"0".repeat(64)}`);
    expect([status, last]).toEqual([1, `NOT PROVEN: the key is another: its fingerprint is ${fingerprint}`]);
    expect((await verify(bundle, program, file, fingerprint, "more"))[0]).toBe(1);
  });

  it.each(["README.md", "checkpoint", "key.pem", "manifest", "proofs.ndjson", "records.ndjson"])(
    "is not proven with one byte of %s changed, or without it",
    async (name) => {
      const { length } = readFileSync(join(bundle.folder, name));
      for (const at of [0, Math.floor(length / 2), length - 1])
        await refusals(bundle, (folder) => {
          const bytes = readFileSync(join(folder, name));
          writeFileSync(join(folder, name), bytes.with(at, bytes[at]! ^ 1));
        });
      await refusals(bundle, (folder) => rmSync(join(folder, name)));
    },
  );

  it("is not proven with any byte of its signed notes changed", async () => {
    for (const name of ["checkpoint", "manifest"]) {
      const bytes = readFileSync(join(bundle.folder, name));
      const copy = copied(bundle);
      for (let at = 0; at < bytes.length; at += 31) {
        writeFileSync(join(copy.folder, name), bytes.with(at, bytes[at]! ^ 0x20));
        expect((await verify(copy, process.execPath, "verify.mjs", bundle.evidence.fingerprint))[0]).toBe(1);
      }
    }
  });

  it("is not unpacked, or not proven, when its archive was cut", async () => {
    const parent = freshFolder();
    const file = join(parent, "evidence.tar.gz");
    await connection.exportEvidence("web", file, { since: null, until: null }, caller);
    const whole = readFileSync(file);
    for (const length of [whole.length - 200, Math.floor(whole.length / 2), 100]) {
      writeFileSync(join(parent, "cut.tar.gz"), whole.subarray(0, length));
      await expect(extract({ file: join(parent, "cut.tar.gz"), cwd: parent, strict: true })).rejects.toThrow();
    }
  });

  it("is not written when it is stopped, and leaves nothing behind", async () => {
    const folder = freshFolder();
    const stop = new AbortController();
    const request = { signal: stop.signal };
    const exporting = connection.exportEvidence(
      "web",
      join(folder, "x"),
      { since: null, until: null },
      caller,
      request,
    );
    stop.abort();
    await expect(exporting).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is unpacked by the system's tar to the same", () => {
    const target = freshFolder();
    execFileSync("tar", ["-xzf", bundle.evidence.file, "-C", target]);
    const [name = ""] = readdirSync(target);
    for (const file of readdirSync(bundle.folder))
      expect(readFileSync(join(target, name, file))).toEqual(readFileSync(join(bundle.folder, file)));
  });
});

describe("who has the key can't leave out, change or add a record", () => {
  it("leave out one in the middle, the first, the last, or the export", async () => {
    const without = (index: number) =>
      forged(bundle, (records, proofs) => {
        for (const lines of [records, proofs]) lines.splice(index, 1);
      });
    expect(await without(2)).toEqual(Array(2).fill("a revision is missing"));
    expect(await without(0)).toEqual(Array(2).fill("a revision is missing"));
    expect(await without(-2)).toEqual(Array(2).fill("a revision is missing"));
    expect(await without(-1)).toEqual(Array(2).fill("the records do not end with the export"));
  });

  it("change one", async () => {
    const said = await forged(bundle, (records) => {
      records[1] = records[1]!.replace('"user":"ana"', '"user":"eve"');
    });
    for (const one of said) expect(one).toMatch(/is not under the checkpoint$/);
  });

  it("change a proof: no hash too many, too few or changed, and none of another record", async () => {
    type Proof = { position: number; proof: string[] };
    const changes: ((proof: Proof) => void)[] = [
      ({ proof }) => proof.pop(),
      ({ proof }) => proof.shift(),
      ({ proof }) => proof.push(proof[0]!),
      ({ proof }) => proof.reverse(),
      ({ proof }) => (proof[0] = "0".repeat(64)),
      (proof) => (proof.position += 1),
    ];
    for (const change of changes)
      await forged(bundle, (_, proofs) => {
        const proof = JSON.parse(proofs[1]!) as Proof;
        change(proof);
        proofs[1] = JSON.stringify(proof);
      });
    await forged(bundle, (_, proofs) => void proofs.pop());
  });

  it("put one of another domain in its place", async () => {
    const other = join(freshFolder(), "other.tar.gz");
    await connection.exportEvidence("other", other, { since: null, until: null }, caller);
    const lines: string[] = [];
    for await (const { line } of connection.read({ domain: "other" })) lines.push(line);
    await forged(bundle, (records) => {
      records[1] = lines[1]!;
    });
  });
});

describe("a period", () => {
  const typesOf = ({ folder }: Bundle) =>
    readFileSync(join(folder, "records.ndjson"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as EventRecord);

  it("has one record more in front and behind, so that nothing can be missing at its ends", async () => {
    const first = typesOf(await exported(null, middle));
    expect(first.at(-3)!.time < middle && first.at(-2)!.time >= middle).toBe(true);
    const second = typesOf(await exported(middle, null));
    expect(second[0]!.time < middle && second[1]!.time >= middle).toBe(true);
    expect(second.map(({ type }) => type)).toContain("CommandRejected");
  });

  it("is proven, also when nothing happened in it", async () => {
    const never = ["2000-01-01T00:00:00.000Z", "2000-01-02T00:00:00.000Z"] as const;
    const later = new Date(Date.now() + 3_600_000).toISOString();
    for (const period of [[null, middle], [middle, null], never, [later, null], [null, later]] as const) {
      const bundle = await exported(...period);
      for (const [, program, file] of verifiers)
        expect(await verify(bundle, program, file, bundle.evidence.fingerprint)).toEqual([0, "PROVEN"]);
    }
  });

  it("is not proven without the record in front of it, or behind it, whatever the export said", async () => {
    const without = async (period: readonly [string | null, string | null], index: number) =>
      forged(await exported(...period), (records, proofs) => {
        for (const lines of [records, proofs]) lines.splice(index, 1);
      });
    expect(await without([middle, null], 0)).toEqual(Array(2).fill("a revision is missing"));
    expect(await without([null, middle], -2)).toEqual(Array(2).fill("a revision is missing"));
  });
});
