import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseDomain } from "../../../src/xml/domain.ts";
import { bytesOf, refusalOf } from "../../support/xml.ts";

const fixture = (name: string) => readFileSync(new URL(`../../support/fixtures/${name}.domain.xml`, import.meta.url));
const domain = (content: string) => bytesOf(`<domain type='kvm'>\n<name>d</name>\n${content}</domain>`);
const disk = (content: string, attributes = "type='file' device='disk'") =>
  domain(`<devices>\n  <disk ${attributes}>${content}</disk></devices>`);

const driver = "<driver name='qemu' type='qcow2'/>";
const source = "<source file='/images/d.qcow2'/>";
const target = "<target dev='vda' bus='virtio'/>";

describe("what virsh dumpxml prints is read", () => {
  test("of a running guest with a chain, a raw disk and a cdrom", () => {
    expect(parseDomain(fixture("web"))).toEqual({
      uuid: "4dea22b3-1d52-d8f3-2516-782e98ab3fa0",
      name: "web",
      memoryMib: 2048,
      vcpus: 2,
      guestAgent: true,
      disks: [
        { target: "vda", path: "/var/lib/libvirt/images/web.qcow2", format: "qcow2" },
        { target: "vdb", path: "/var/lib/libvirt/images/web & data.img", format: "raw" },
      ],
      unmanaged: [{ target: "sda", source: "/var/lib/libvirt/images/debian-12-netinst.iso", why: "cdrom" }],
    });
  });

  test("of an old guest most of whose devices are left alone", () => {
    expect(parseDomain(fixture("legacy"))).toEqual({
      uuid: "c7a5fdbd-edaf-9455-926a-d65c16db1809",
      name: "legacy-billing",
      memoryMib: 1024,
      vcpus: 1,
      guestAgent: false,
      disks: [{ target: "hda", path: "/srv/vm/billing.img", format: "raw" }],
      unmanaged: [
        { target: "fda", source: null, why: "floppy" },
        { target: "hdc", source: "/dev/sr0", why: "cdrom" },
        { target: "hdb", source: "/srv/vm/shared-manuals.qcow2", why: "read-only" },
        { target: "hdd", source: "pool/scratch", why: "snapshot='no'" },
      ],
    });
  });

  const dumped = spawnSync("virsh", ["-c", "test:///default", "dumpxml", "test"], { encoding: "buffer" });
  const because = dumped.status === 0 ? "" : " (SKIPPED: install libvirt-clients)";
  test.skipIf(dumped.status !== 0)(`by a real virsh, whose test guest states no disk format${because}`, () => {
    expect(refusalOf(() => parseDomain(dumped.stdout))).toMatchObject({
      code: "UNSUPPORTED",
      facts: { target: "vda" },
    });
    const stated = dumped.stdout.toString().replace("<source file", "<driver type='raw'/>\n<source file");
    expect(parseDomain(bytesOf(stated))).toMatchObject({
      name: "test",
      memoryMib: 8192,
      vcpus: 2,
      disks: [{ target: "vda", path: "/guest/diskimage1", format: "raw" }],
      unmanaged: [],
    });
  });

  test("with nothing but a name", () => {
    const nothing = {
      uuid: null,
      name: "d",
      memoryMib: null,
      vcpus: null,
      guestAgent: false,
      disks: [],
      unmanaged: [],
    };
    expect(parseDomain(domain(""))).toEqual(nothing);
  });
});

describe("memory is counted in MiB", () => {
  test.each([
    ["<memory>2048</memory>", 2],
    ["<memory unit='KiB'>2048</memory>", 2],
    ["<memory unit='k'>2049</memory>", 3],
    ["<memory unit='KB'>1024</memory>", 1],
    ["<memory unit='bytes'>1048577</memory>", 2],
    ["<memory unit='b'>1048576</memory>", 1],
    ["<memory unit='M'>512</memory>", 512],
    ["<memory unit='MB'>512</memory>", 489],
    ["<memory unit='GiB'>1</memory>", 1024],
    ["<memory unit='G'>\n 1 \n</memory>", 1024],
    ["<memory unit='GB'>1</memory>", 954],
    ["<memory unit='tib'>1</memory>", 1048576],
  ])("%j is %d", (memory, mib) => {
    expect(parseDomain(domain(memory)).memoryMib).toBe(mib);
  });
});

describe("a domain is refused as INVALID_XML, with its place", () => {
  test.each([
    [
      "another root",
      bytesOf("<domainsnapshot/>"),
      /^Line 1, column 1: the root element is "domainsnapshot", not "domain"/,
    ],
    ["no name", bytesOf("<domain/>"), /^Line 1, column 1: the domain has no <name>/],
    ["an empty name", bytesOf("<domain><name/></domain>"), /^Line 1, column 9: the domain has no <name>/],
    ["two names", domain("<name>e</name>"), /^Line 3, column 1: <name> is repeated/],
    ["two uuids", domain("<uuid/><uuid/>"), /^Line 3, column 8: <uuid> is repeated/],
    ["a uuid that is none", domain("<uuid>4dea22b3</uuid>"), /^Line 3, column 1: "4dea22b3" is not a uuid/],
    ["memory that is no number", domain("<memory>1.5</memory>"), /^Line 3, column 1: <memory> is "1.5"/],
    ["memory of nothing", domain("<memory>0</memory>"), /<memory> is "0", not a whole number above 0/],
    ["memory in another unit", domain("<memory unit='pages'>1</memory>"), /"pages", which is not a unit/],
    ["memory beyond counting", domain("<memory unit='E'>16</memory>"), /more than can be counted/],
    ["vcpus that are no number", domain("<vcpu>two</vcpu>"), /^Line 3, column 1: <vcpu> is "two"/],
    ["a disk without a target", disk(driver + source), /^Line 4, column 3: a disk without a target/],
    [
      "a target that is none",
      disk(`${driver}${source}<target dev='__proto__'/>`),
      /"__proto__" is not a disk's target/,
    ],
    ["a disk without a source", disk(driver + target), /^Line 4, column 3: disk "vda" has no source file/],
    [
      "a relative source",
      disk(`${driver}<source file='d.qcow2'/>${target}`),
      /"d.qcow2" of disk "vda" is not an absolute/,
    ],
    ["two sources", disk(driver + source + source + target), /<source> is repeated in <disk>/],
    [
      "a target twice",
      domain(`<devices><disk>${driver}${source}${target}</disk>\n<disk device='cdrom'>${target}</disk></devices>`),
      /^Line 4, column 1: a second disk with the target "vda"/,
    ],
  ])("for %s", (_, document, words) => {
    const error = refusalOf(() => parseDomain(document));
    expect(error.code).toBe("INVALID_XML");
    expect(error.message).toMatch(words);
  });
});

describe("a disk that is valid but cannot be managed is refused by its target", () => {
  test.each([
    ["type=block", disk(`${driver}<source dev='/dev/sdb'/>${target}`, "type='block'"), /type is "block"/],
    ["type=network", disk(`${driver}<source protocol='nbd'/>${target}`, "type='network'"), /type is "network"/],
    ["type=volume", disk(`${driver}<source pool='p' volume='v'/>${target}`, "type='volume'"), /type is "volume"/],
    ["device=lun", disk(`${driver}<source dev='/dev/sdb'/>${target}`, "type='block' device='lun'"), /device is "lun"/],
    ["no stated format", disk(source + target), /format is not stated/],
    ["a driver without a format", disk(`<driver name='qemu'/>${source}${target}`), /format is not stated/],
    ["another format", disk(`<driver type='vmdk'/>${source}${target}`), /format is "vmdk"/],
    ["shareable", disk(`${driver}${source}${target}<shareable/>`), /shareable/],
    ["transient", disk(`${driver}${source}${target}<transient/>`), /transient/],
    ["encrypted", disk(`${driver}<source file='/a'><encryption format='luks'/></source>${target}`), /encrypted/],
    ["a slice", disk(`${driver}<source file='/a'><slices/></source>${target}`), /slice/],
    ["in a block job", disk(`${driver}${source}${target}<mirror type='file' job='copy'/>`), /block job/],
    ["snapshot=internal", disk(driver + source + target, "type='file' snapshot='internal'"), /snapshot="internal"/],
  ])("for %s", (_, document, words) => {
    const error = refusalOf(() => parseDomain(document));
    expect(error.code).toBe("UNSUPPORTED");
    expect(error.message).toMatch(words);
    expect(error.message).toContain('Disk "vda" (line 4, column 3)');
    expect(error.facts).toEqual({ target: "vda", line: 4, column: 3 });
  });

  test("also when the other disks are fine", () => {
    expect(refusalOf(() => parseDomain(fixture("san"))).message).toBe(
      'Disk "vdb" (line 14, column 5) cannot be managed: its type is "block", not "file".',
    );
  });
});
