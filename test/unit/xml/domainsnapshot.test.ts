import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import type { SnapshotInfo } from "../../../src/connection/api.ts";
import { parseDomainSnapshot, writeDomainSnapshot } from "../../../src/xml/domainsnapshot.ts";
import type { SnapshotDomain } from "../../../src/xml/domainsnapshot.ts";
import { bytesOf } from "../../support/xml.ts";

const parse = (document: string) => parseDomainSnapshot(bytesOf(document));
const domain: SnapshotDomain = {
  id: "6695eb01-f6a4-8304-79aa-97f2502e193f",
  name: "web",
  memoryMib: 2048,
  vcpus: 2,
};

const updated: SnapshotInfo = {
  id: "0195d3c0-0000-7000-8000-000000000002",
  name: "updated",
  domain: { id: domain.id, name: domain.name },
  description: "after <apt upgrade>",
  parent: { id: "0195d3c0-0000-7000-8000-000000000001", name: "fresh & clean" },
  children: 0,
  descendants: 0,
  current: true,
  state: "off",
  active: true,
  automatic: false,
  creationTime: "2026-03-24T13:16:46.789Z",
  layers: { vda: "/srv/layers/1.qcow2", vdb: "/srv/layers/2.qcow2" },
  layerIds: { vda: "1", vdb: "2" },
  compression: "zstd",
  memory: null,
  bytes: 393_216,
  position: 5,
  user: "root",
  reason: null,
};
const plain: SnapshotInfo = { ...updated, name: "fresh", description: "", parent: null, compression: null };
const running: SnapshotInfo = { ...updated, state: "running", memory: "/srv/layers/it's.mem" };

describe("a <domainsnapshot> that is read", () => {
  test("needs no field at all", () => {
    expect(parse("<domainsnapshot/>")).toEqual({ name: null, description: "", compression: null });
  });

  test("gives its name, description and compression, exactly as written", () => {
    const document =
      "<domainsnapshot><name> 007 </name><description>\n a &amp; b\n</description><compression>zlib</compression></domainsnapshot>";
    expect(parse(document)).toEqual({ name: " 007 ", description: "\n a & b\n", compression: "zlib" });
  });

  test("is without a name when the name is empty", () => {
    expect(parse("<domainsnapshot><name/></domainsnapshot>").name).toBeNull();
    expect(parse("<domainsnapshot><name></name><compression/></domainsnapshot>")).toMatchObject({
      name: null,
      compression: null,
    });
  });

  test("may hold anything else, which is ignored, names and descriptions inside it too", () => {
    const document =
      "<domainsnapshot><parent><name>p</name></parent><state>running</state><creationdate>1</creationdate>" +
      "<domain><name>d</name><description>e</description></domain><bogus><name/><name/></bogus><name>s</name></domainsnapshot>";
    expect(parse(document)).toEqual({ name: "s", description: "", compression: null });
  });
});

describe("a snapshot that is written", () => {
  test("has the RFC's fields", () => {
    expect(writeDomainSnapshot(updated, "rfc", domain)).toBe(`<domainsnapshot>
  <name>updated</name>
  <creationdate>2026-03-24T13:16:46.789Z</creationdate>
  <description>after &lt;apt upgrade&gt;</description>
  <state>off</state>
  <compression>zstd</compression>
  <parent>
    <name>fresh &amp; clean</name>
  </parent>
</domainsnapshot>
`);
  });

  test("has no parent when it is a root, and no compression when it is not compressed", () => {
    expect(writeDomainSnapshot(plain, "rfc", domain)).toBe(`<domainsnapshot>
  <name>fresh</name>
  <creationdate>2026-03-24T13:16:46.789Z</creationdate>
  <description/>
  <state>off</state>
</domainsnapshot>
`);
  });

  test("is off in the RFC's words when only the disks of a running guest were taken", () => {
    const xml = writeDomainSnapshot({ ...plain, state: "disk-snapshot" }, "rfc", domain);
    expect(xml).toContain("<state>off</state>");
  });

  test("has libvirt's words in libvirt's form, and the layers as the domain's disks at that point", () => {
    expect(writeDomainSnapshot(running, "libvirt", domain)).toBe(`<domainsnapshot>
  <name>updated</name>
  <description>after &lt;apt upgrade&gt;</description>
  <state>running</state>
  <parent>
    <name>fresh &amp; clean</name>
  </parent>
  <creationTime>1774358206</creationTime>
  <memory snapshot="external" file="/srv/layers/it's.mem"/>
  <disks>
    <disk name="vda" snapshot="external" type="file">
      <driver type="qcow2"/>
    </disk>
    <disk name="vdb" snapshot="external" type="file">
      <driver type="qcow2"/>
    </disk>
  </disks>
  <domain type="qemu">
    <name>web</name>
    <uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid>
    <memory unit="MiB">2048</memory>
    <vcpu>2</vcpu>
    <os>
      <type>hvm</type>
    </os>
    <devices>
      <disk type="file" device="disk">
        <driver type="qcow2"/>
        <source file="/srv/layers/1.qcow2"/>
        <target dev="vda"/>
      </disk>
      <disk type="file" device="disk">
        <driver type="qcow2"/>
        <source file="/srv/layers/2.qcow2"/>
        <target dev="vdb"/>
      </disk>
    </devices>
  </domain>
</domainsnapshot>
`);
  });

  test("says shutoff for off in libvirt's form", () => {
    expect(writeDomainSnapshot(plain, "libvirt", domain)).toContain("<state>shutoff</state>");
  });

  test("stays readable when a description holds what XML cannot", () => {
    const document = writeDomainSnapshot({ ...plain, description: "a\u0001b\ud800c\uffffd" }, "rfc", domain);
    expect(parse(document).description).toBe("a\ufffdb\ufffdc\ufffdd");
  });
});

const character = fc.oneof(
  fc.constantFrom("<", ">", "&", "'", '"', "]", "\r", "\n", "\t", " ", "-", "!", "é", "雪", "😀", "\u0085", "\u2028"),
  fc
    .string({ minLength: 1, maxLength: 1, unit: "binary" })
    .filter((one) => !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(one)),
);
const writable = fc.string({ unit: character, maxLength: 40 });

property.prop([writable, writable, fc.constantFrom("zlib", "zstd", null)], { numRuns: 1000 })(
  "what is written is read back as it was",
  (name, description, compression) => {
    const document = writeDomainSnapshot({ ...updated, name, description, compression }, "rfc", domain);
    expect(parse(document)).toEqual({ name: name || null, description, compression });
  },
);

const schema = "/usr/share/libvirt/schemas/domainsnapshot.rng";
const missing = [
  ...(existsSync(schema) ? [] : ["libvirt0 (libvirt's schemas)"]),
  ...(spawnSync("xmllint", ["--version"]).error === undefined ? [] : ["libxml2-utils (xmllint)"]),
];
const because = missing.length === 0 ? "" : ` (SKIPPED: install ${missing.join(" and ")})`;

function xmllint(document: string, ...options: string[]): string {
  const { status, stderr } = spawnSync("xmllint", ["--noout", "--nonet", ...options, "-"], {
    input: document,
    encoding: "utf8",
  });
  return status === 0 ? "valid" : stderr;
}

describe.skipIf(missing.length > 0)(`libvirt's own schema${because}`, () => {
  const states = ["running", "paused", "off", "disk-snapshot"] as const;
  const bare: SnapshotDomain = { ...domain, memoryMib: null, vcpus: null };

  test("refuses the RFC's form, so that it can tell", () => {
    expect(xmllint(writeDomainSnapshot(plain, "rfc", domain), "--relaxng", schema)).toContain("fails to validate");
  });

  test.each(states)("accepts libvirt's form of a snapshot that is %s", (state) => {
    expect(xmllint(writeDomainSnapshot({ ...updated, state }, "libvirt", domain), "--relaxng", schema)).toBe("valid");
    expect(xmllint(writeDomainSnapshot({ ...plain, state }, "libvirt", bare), "--relaxng", schema)).toBe("valid");
  });

  test("accepts a memory file, and names and texts full of markup", () => {
    const hard = { ...running, name: "a]]> <&\"'é雪", description: "\r\n\t<!-- & -->\u0001" };
    expect(xmllint(writeDomainSnapshot(hard, "libvirt", domain), "--relaxng", schema)).toBe("valid");
  });

  test("accepts a snapshot of a domain without managed disks", () => {
    expect(xmllint(writeDomainSnapshot({ ...plain, layers: {} }, "libvirt", bare), "--relaxng", schema)).toBe("valid");
  });
});
