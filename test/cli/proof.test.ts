import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { ConsistencyProof, InclusionProof, PublicKey, SignedCheckpoint } from "../../src/connection/api.ts";
import { digest, lineHash } from "../../src/evidence/crypto.ts";
import { verifyConsistency, verifyInclusion } from "../../src/proof/merkle.ts";
import { freshFolder } from "../support/folders.ts";
import { Terminal } from "../support/built-cli.ts";
import type { Ran } from "../support/built-cli.ts";
import { logLength, withDemo } from "../support/scene.ts";

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replace("sha256:", ""), "hex"));
const snapshot = (terminal: Terminal, name: string) => terminal.ok("snapshot-create-as", "demo", name, "--offline");

/** Writes a file in the terminal's folder, and gives its name. */
function file({ home }: Terminal, name: string, text: string): string {
  writeFileSync(join(home, name), text);
  return name;
}

/** A terminal on a copy of the store as it is now. */
function copied({ home }: Terminal): Terminal {
  const copy = freshFolder();
  cpSync(home, copy, { recursive: true });
  return new Terminal(copy);
}

function refusal({ status, stderr }: Ran): [number, string] {
  expect(stderr).toMatch(/^error \[[A-Z_]+\] .*\nhint: .*\n$/);
  return [status, /\[([A-Z_]+)\]/.exec(stderr)?.[1] ?? ""];
}

describe("a signed checkpoint", () => {
  let demo: Terminal;
  beforeAll(async () => {
    demo = await withDemo();
    await snapshot(demo, "one");
    file(demo, "kept", await demo.ok("checkpoint"));
    await snapshot(demo, "two");
  });

  it("has the origin, the size and the root, and is signed by the store's key, as openssl finds too", async () => {
    const { note, origin, size, root } = (await demo.json("checkpoint")) as SignedCheckpoint;
    const [, text = "", signature = ""] = /^(.*\n)\n— \S+ (\S+)\n$/s.exec(note) ?? [];
    expect(text).toBe(`${origin}\n${size}\n${Buffer.from(bytes(root)).toString("base64")}\n`);
    expect(size).toBe(await logLength(demo));
    const at = (name: string) => join(demo.home, name);
    const [message, signed, key] = [at("text"), at("signature"), at("key.pem")];
    writeFileSync(message, text);
    writeFileSync(signed, Buffer.from(signature, "base64").subarray(4));
    writeFileSync(key, await demo.ok("key", "--pem"));
    const verified = ["pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", message, "-sigfile", signed];
    expect(execFileSync("openssl", verified, { encoding: "utf8" })).toContain("Verified Successfully");
  });

  it("proves that the log only grew since", async () => {
    expect(await demo.ok("verify", "--checkpoint", "kept")).toMatch(/\nThe first 5 of them are those .*signed for\n$/);
    expect(await demo.json("verify", "--checkpoint", "kept")).toMatchObject({ ok: true, checkpoint: { size: 5 } });
    expect(await demo.ok("verify", "--checkpoint", "kept", "--key", "store/key.pem")).toContain("signed for");
  });

  it("tells when an old copy was put back", async () => {
    const old = copied(demo);
    await snapshot(demo, "three");
    file(old, "newer", await demo.ok("checkpoint"));
    const verified = await old.run("verify", "--checkpoint", "newer");
    expect(refusal(verified)).toEqual([6, "CHECKPOINT_MISMATCH"]);
    expect(verified.stderr).toContain("it was cut, or an old copy was put back");
    expect(await old.ok("verify", "--checkpoint", "kept")).toContain("signed for");
  });

  it("tells when history was written anew, however long and however well it is chained", async () => {
    const rewritten = copied(demo);
    await snapshot(rewritten, "forged");
    await snapshot(demo, "honest");
    file(rewritten, "honest", await demo.ok("checkpoint"));
    await snapshot(rewritten, "more");
    expect(await rewritten.ok("verify")).toContain("records verified");
    const verified = await rewritten.run("verify", "--checkpoint", "honest");
    expect(refusal(verified)).toEqual([6, "CHECKPOINT_MISMATCH"]);
    expect(verified.stderr).toContain("the log was rewritten");
    for (const verb of [
      ["prove", "1", "--checkpoint", "honest"],
      ["prove-consistent", "honest"],
    ])
      expect(refusal(await rewritten.run(...verb))).toEqual([6, "CHECKPOINT_MISMATCH"]);
  });

  it("is refused when it is another log's, another key's, changed, or none", async () => {
    const other = await withDemo();
    file(other, "kept", readFileSync(join(demo.home, "kept"), "utf8"));
    expect(refusal(await other.run("verify", "--checkpoint", "kept"))).toEqual([2, "CHECKPOINT_INVALID"]);
    const foreign = ["verify", "--checkpoint", "kept", "--key", join(other.home, "store/key.pem")];
    expect(refusal(await demo.run(...foreign))).toEqual([3, "CHECKPOINT_UNTRUSTED"]);
    const note = readFileSync(join(demo.home, "kept"), "utf8");
    file(demo, "changed", note.replace("\n5\n", "\n4\n"));
    expect(refusal(await demo.run("verify", "--checkpoint", "changed"))).toEqual([3, "CHECKPOINT_UNTRUSTED"]);
    for (const none of ["", "hello\n", note.slice(0, -1), note.split("\n\n")[0] ?? "", note.replace("—", "\ufffd")]) {
      file(demo, "none", none);
      expect(refusal(await demo.run("verify", "--checkpoint", "none"))).toEqual([2, "CHECKPOINT_INVALID"]);
    }
    writeFileSync(join(demo.home, "none"), Buffer.from([0xff, 0x0a]));
    expect(refusal(await demo.run("verify", "--checkpoint", "none"))).toEqual([2, "CHECKPOINT_INVALID"]);
    expect(refusal(await demo.run("verify", "--checkpoint", "nowhere"))).toEqual([4, "FILE_NOT_FOUND"]);
  });
});

describe("proofs", () => {
  let demo: Terminal;
  beforeAll(async () => {
    demo = await withDemo();
    for (const name of ["one", "two", "three"]) await snapshot(demo, name);
  });

  it("show each record under a checkpoint, a new one or one that is kept", async () => {
    file(demo, "kept", await demo.ok("checkpoint"));
    const lines = (await demo.ok("log", "--json")).trimEnd().split("\n");
    for (const [index, line] of lines.entries()) {
      const proof = (await demo.json("prove", String(index + 1))) as InclusionProof;
      const { size, root } = proof.checkpoint;
      const claim = { index, size, leaf: lineHash(line), proof: proof.proof.map(bytes), root: bytes(root) };
      expect(verifyInclusion(claim, digest)).toBe(true);
    }
    const length = lines.length;
    await snapshot(demo, "four");
    expect(await demo.json("prove", "1", "--checkpoint", "kept")).toMatchObject({ checkpoint: { size: length } });
    const beyond = await demo.run("prove", String(length + 1), "--checkpoint", "kept");
    expect(refusal(beyond)).toEqual([4, "POSITION_NOT_FOUND"]);
    expect(refusal(await demo.run("prove", "999"))).toEqual([4, "POSITION_NOT_FOUND"]);
    expect(refusal(await demo.run("prove", "0"))).toEqual([2, "USAGE"]);
  });

  it("are texts in the forms that tools for transparency logs take", async () => {
    const inclusion = await demo.ok("prove", "2");
    expect(inclusion).toMatch(/^c2sp\.org\/tlog-proof@v1\nindex 1\n(\S{44}\n)+\nsnapledger\/\S{36}\n\d+\n\S{44}\n\n— /);
    expect(await demo.ok("prove-consistent", "3")).toMatch(
      /^old 3\n(\S{44}\n)+\nsnapledger\/\S{36}\n\d+\n\S{44}\n\n— /,
    );
  });

  it("show that the log at one size begins the log at another", async () => {
    const old = (await demo.json("checkpoint")) as SignedCheckpoint;
    file(demo, "old", old.note);
    await snapshot(demo, "five");
    const { checkpoint, proof } = (await demo.json("prove-consistent", "old")) as ConsistencyProof;
    const [before, now] = [old, checkpoint].map(({ size, root }) => ({ size, root: bytes(root) }));
    expect(verifyConsistency({ old: before!, now: now!, proof: proof.map(bytes) }, digest)).toBe(true);
    file(demo, "new", checkpoint.note);
    expect(await demo.json("prove-consistent", String(old.size), "new")).toMatchObject({ proof, checkpoint });
    expect(refusal(await demo.run("prove-consistent", "new", "old"))).toEqual([2, "USAGE"]);
    expect(refusal(await demo.run("prove-consistent", "1", "999"))).toEqual([4, "POSITION_NOT_FOUND"]);
    expect(refusal(await demo.run("prove-consistent", "0"))).toEqual([2, "USAGE"]);
  });
});

describe("the key", () => {
  it("is made by init, for its owner alone, and shown in every form", async () => {
    const demo = await withDemo();
    expect(statSync(join(demo.home, "store/key.pem")).mode & 0o777).toBe(0o600);
    const key = (await demo.json("key")) as PublicKey;
    expect(await demo.ok("key", "--fingerprint")).toBe(`${key.fingerprint}\n`);
    expect(await demo.ok("key", "--verifier")).toBe(`${key.verifierKey}\n`);
    expect(await demo.ok("key")).toContain(`Fingerprint:    ${key.fingerprint}\n`);
    const der = execFileSync("openssl", ["pkey", "-pubin", "-outform", "DER"], {
      input: await demo.ok("key", "--pem"),
    });
    expect(`sha256:${Buffer.from(digest(der)).toString("hex")}`).toBe(key.fingerprint);
    expect(refusal(await demo.run("key", "--pem", "--fingerprint"))).toEqual([2, "INVALID_FLAGS"]);
  });

  it("is made by the first checkpoint of an older store, once, whoever comes first", async () => {
    const demo = await withDemo();
    rmSync(join(demo.home, "store/key.pem"));
    expect(refusal(await demo.run("key"))).toEqual([4, "FILE_NOT_FOUND"]);
    expect(existsSync(join(demo.home, "store/key.pem"))).toBe(false);
    const notes = await Promise.all([1, 2, 3].map(() => demo.ok("checkpoint")));
    expect(new Set(notes).size).toBe(1);
    file(demo, "kept", notes[0]!);
    expect(await demo.ok("verify", "--checkpoint", "kept")).toContain("signed for");
  });

  it("may be kept elsewhere: openssl makes one, and its public half is enough to verify", async () => {
    const demo = await withDemo();
    rmSync(join(demo.home, "store/key.pem"));
    execFileSync("openssl", ["genpkey", "-algorithm", "ed25519", "-out", join(demo.home, "own.pem")]);
    chmodSync(join(demo.home, "own.pem"), 0o600);
    file(demo, "kept", await demo.ok("checkpoint", "--key", "own.pem"));
    expect(existsSync(join(demo.home, "store/key.pem"))).toBe(false);
    for (const form of ["--pem", "--verifier"]) {
      file(demo, "public", await demo.ok("key", "--key", "own.pem", form));
      expect(await demo.ok("verify", "--checkpoint", "kept", "--key", "public")).toContain("signed for");
    }
    expect(refusal(await demo.run("checkpoint", "--key", "public"))).toEqual([2, "KEY_INVALID"]);
  });

  it("is not used when others can read it, or when it is of another kind", async () => {
    const demo = await withDemo();
    chmodSync(join(demo.home, "store/key.pem"), 0o640);
    expect(refusal(await demo.run("checkpoint"))).toEqual([3, "KEY_UNSAFE"]);
    execFileSync("openssl", ["genpkey", "-algorithm", "x25519", "-out", join(demo.home, "x.pem")]);
    expect(refusal(await demo.run("checkpoint", "--key", "x.pem"))).toEqual([2, "KEY_INVALID"]);
    expect(refusal(await demo.run("key", "--key", "x.pem"))).toEqual([2, "KEY_INVALID"]);
    expect(refusal(await demo.run("checkpoint", "--key", "."))).toEqual([4, "FILE_NOT_FOUND"]);
  });
});
