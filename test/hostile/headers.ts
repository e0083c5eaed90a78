import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isSnapledgerError } from "../../src/errors.ts";
import { parseHeader } from "../../src/drivers/qemu-img/header.ts";
import type { Random } from "../support/random.ts";
import { claim, refusalOr } from "./campaign.ts";
import type { Campaign } from "./campaign.ts";

/** Beginnings of qcow2 files, changed where their header is. */
export const headers: Campaign = { name: "headers", soak: 1_000_000, check: (drawn) => checkHeader(drawnImage(drawn)) };

const kinds = [
  ["compat=1.1", "-b", "/base", "-F", "qcow2", "-u"],
  ["compat=0.10", "-b", "/base", "-F", "raw", "-u"],
  ["compression_type=zstd,extended_l2=on"],
  ["cluster_size=512,refcount_bits=64"],
] as const;

const images = ((): readonly Buffer[] => {
  const folder = mkdtempSync(join(tmpdir(), "snapledger-headers-"));
  try {
    return kinds.map(([options, ...on]) => {
      const path = join(folder, "image");
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-o", options, ...on, path, "1M"]);
      return readFileSync(path);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
})();

/** Offsets of the header's fields: docs/interop/qcow2.txt of QEMU. */
const fields = [0, 4, 8, 16, 20, 24, 32, 36, 40, 48, 56, 60, 64, 72, 80, 88, 96, 100, 104, 112, 116, 120];
const extremes = [
  0,
  1,
  2,
  3,
  8,
  9,
  21,
  22,
  63,
  72,
  103,
  104,
  105,
  112,
  511,
  512,
  1023,
  1024,
  65535,
  65536,
  2 ** 31,
  2 ** 32 - 1,
];

export function drawnImage(drawn: Random): Buffer {
  const bytes = Buffer.from(drawn.one(images));
  for (let n = drawn.below(4); n > 0; n--) {
    const at = Math.min(drawn.chance(80) ? drawn.one(fields) + drawn.below(2) * 4 : drawn.below(700), bytes.length - 8);
    const how = drawn.below(4);
    if (how === 0) bytes.writeUInt32BE(drawn.one(extremes), at);
    else if (how === 1) bytes.writeUInt8(drawn.below(256), at + drawn.below(8));
    else if (how === 2) bytes.writeUInt8((bytes[at] ?? 0) ^ (1 << drawn.below(8)), at);
    else bytes.write(drawn.one(["\0", "json:{}", "nbd:x", "\xff", "../x", "/dev/sda", "a\nb"]), at, "latin1");
  }
  return drawn.chance(10) ? bytes.subarray(0, drawn.below(drawn.chance(50) ? 200 : bytes.length)) : bytes;
}

/** A reader that goes outside what it was given meets other bytes than before, and says something else. */
function checkHeader(image: Buffer): string {
  const read = [0, 0xff].map((surrounding) => {
    const memory = Buffer.alloc(image.length + 4096, surrounding);
    image.copy(memory, 2048);
    const part = memory.subarray(2048, 2048 + image.length);
    return refusalOr(() => parseHeader("/image", part, image.length), ["IMAGE_INVALID"]);
  });
  const [one, other] = read.map((outcome) =>
    JSON.stringify(isSnapledgerError(outcome) ? outcome.message : outcome.value),
  );
  claim(one === other, () => `what surrounds the file is read: ${one} ${other}`);
  const [outcome] = read;
  if (isSnapledgerError(outcome)) {
    claim(outcome.message.startsWith('The image "/image" '), () => outcome.message);
    return "refused";
  }
  const { clusterBytes, l1, virtualBytes } = outcome?.value ?? {
    clusterBytes: 0,
    l1: { offset: 0, entries: 0 },
    virtualBytes: 0,
  };
  claim(clusterBytes >= 512 && clusterBytes <= 2 ** 21, () => `clusters of ${clusterBytes}`);
  claim(l1.offset + l1.entries * 8 <= image.length, () => "a table past the file's end");
  claim(Number.isSafeInteger(virtualBytes) && virtualBytes % 512 === 0, () => `a size of ${virtualBytes}`);
  return "read";
}
