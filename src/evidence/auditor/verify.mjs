// Verifies the evidence in this folder. See README.md.
//
//   node verify.mjs FINGERPRINT
//
// Needs Node 18 or later, and nothing else.
// Exit status: 0 proven, 1 not proven, 2 all fits together but nothing says whose key it is.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

class NotProven extends Error {}

function check(condition, why) {
  if (!condition) throw new NotProven(why);
}

const folder = dirname(fileURLToPath(import.meta.url));

function read(name) {
  try {
    return readFileSync(join(folder, name));
  } catch {
    throw new NotProven(`${name} is missing`);
  }
}

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();

/** The key with its fingerprint, and its id in signed notes, which depends on its name. */
function readKey(name) {
  let key;
  try {
    key = createPublicKey(read("key.pem"));
  } catch {
    throw new NotProven("key.pem is no public key");
  }
  const der = key.export({ type: "spki", format: "der" });
  const id = sha256(`${name}\n\x01`, der.subarray(-32)).subarray(0, 4);
  return { key, name, id, fingerprint: `sha256:${sha256(der).toString("hex")}` };
}

/**
 * The text of a signed note, if the key signed it. The note is put together again from the parts that were understood,
 * and compared: so no byte of it goes unseen.
 */
function openNote(file, { key, name, id }) {
  const note = read(file).toString("latin1");
  const end = note.lastIndexOf("\n\n");
  const text = Buffer.from(note.slice(0, end + 1), "latin1");
  const signature = Buffer.from(note.slice(note.lastIndexOf(" ") + 1), "base64").subarray(4);
  const line = `\n— ${name} ${Buffer.concat([id, signature]).toString("base64")}\n`;
  check(Buffer.concat([text, Buffer.from(line)]).equals(read(file)), `${file} is no signed note of ${name}`);
  check(verify(null, text, key, signature), `${file} is not signed by the key`);
  return text.toString();
}

/** Every file, by the signed manifest. */
function checkFiles(key) {
  const [title, ...sums] = openNote("manifest", key).trimEnd().split("\n");
  check(title === "snapledger evidence 1", "manifest is none that this verifier knows");
  for (const sum of sums) {
    const [hash, name] = sum.split("  ");
    check(sha256(read(name)).toString("hex") === hash, `${name} is not as the manifest has it`);
  }
}

/** From a leaf up (RFC 9162, section 2.1.3.2). */
function rootOf(leaf, index, size, path) {
  let [fn, sn, hash] = [index, size - 1, leaf];
  for (const hex of path) {
    const sibling = Buffer.from(hex, "hex");
    check(sn > 0, "a proof is too long");
    if (fn % 2 === 1 || fn === sn) {
      hash = sha256("\x01", sibling, hash);
      while (fn % 2 === 0 && fn > 0) [fn, sn] = [fn / 2, Math.floor(sn / 2)];
    } else hash = sha256("\x01", hash, sibling);
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  check(sn === 0, "a proof is too short");
  return hash;
}

const linesOf = (name) => read(name).toString().trimEnd().split("\n");

function readRecords({ size, root }) {
  const proofs = linesOf("proofs.ndjson").map((line) => JSON.parse(line));
  const lines = linesOf("records.ndjson");
  check(proofs.length === lines.length, "there are not as many proofs as records");
  return lines.map((line, i) => {
    const record = JSON.parse(line);
    const { position, proof } = proofs[i];
    check(record.position === position, "a proof is of another record");
    check(position <= size, "a record is not under the checkpoint");
    const found = rootOf(sha256("\0", line), position - 1, size, proof);
    check(found.equals(root), `position ${position} is not under the checkpoint`);
    return record;
  });
}

/** Nothing is missing: the revisions are contiguous, and the export itself closes them. */
function checkComplete(records) {
  const [end, first, last] = [records.at(-1), records[0], records.at(-2)];
  check(end.type === "EvidenceExported" && last, "the records do not end with the export");
  const { firstRevision, lastRevision, since, until } = end.data;
  for (const { domain } of records) check(domain === end.domain, "a record is of another domain");
  records.slice(0, -1).forEach(({ revision }, i) => check(revision === firstRevision + i, "a revision is missing"));
  check(last.revision === lastRevision, "a revision is missing");
  const isBefore = since !== null && first.time < since;
  check(first.revision === 1 || isBefore, "there may be records before the first");
  const isAfter = until !== null && last.time >= until;
  check(last.revision === end.revision - 1 || isAfter, "there may be records after the last");
}

function report({ origin, size }, { fingerprint }, records) {
  const end = records.at(-1);
  const { name, since, until, firstRevision, lastRevision } = end.data;
  const types = new Map();
  for (const { type } of records.slice(0, -1)) types.set(type, (types.get(type) ?? 0) + 1);
  console.log(`log         ${origin}, ${size} records
key         ${fingerprint}
domain      ${name} (${end.domain})
period      ${since ?? "its beginning"} to ${until ?? end.time}
records     revisions ${firstRevision} to ${lastRevision}, all there; exported ${end.time} by ${end.actor.user}`);
  for (const [type, count] of [...types].sort()) console.log(`            ${type} ${count}`);
}

function main([trusted, ...more]) {
  check(more.length === 0, "one argument is taken: the key's fingerprint");
  const key = readKey(read("checkpoint").toString().split("\n")[0]);
  const isTrusted = trusted === undefined || trusted.replace(/^sha256:/, "") === key.fingerprint.slice(7);
  check(isTrusted, `the key is another: its fingerprint is ${key.fingerprint}`);
  checkFiles(key);
  const [origin, size, root] = openNote("checkpoint", key).split("\n");
  const checkpoint = { origin, size: Number(size), root: Buffer.from(root, "base64") };
  const records = readRecords(checkpoint);
  checkComplete(records);
  report(checkpoint, key, records);
  if (trusted === undefined) {
    console.log(`All of this fits together, but anybody can make a key. Get its fingerprint from the operators by another way than
this bundle (snapledger key --fingerprint), and give it as the argument.
UNTRUSTED KEY`);
    return 2;
  }
  console.log("PROVEN");
  return 0;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  console.log(`NOT PROVEN: ${error instanceof NotProven ? error.message : String(error)}`);
  process.exitCode = 1;
}
