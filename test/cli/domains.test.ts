import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { DomainInfo, Outcome } from "../../src/connection/api.ts";
import { MiB, makeQcow2, makeRaw } from "../support/images.ts";
import { Terminal } from "../support/built-cli.ts";
import {
  guestWrites,
  headFile,
  logLength,
  takeSnapshot,
  webUuid,
  withDemo,
  withStore,
  withWeb,
} from "../support/scene.ts";

const xml = (image: string) => `<domain type='kvm'>
  <name>web</name><uuid>${webUuid}</uuid><memory unit='MiB'>512</memory><vcpu>2</vcpu>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='${image}'/><target dev='vda'/>
    </disk>
    <disk type='file' device='cdrom'><target dev='sda'/><readonly/></disk>
  </devices>
</domain>`;

describe("define", () => {
  it("takes libvirt's XML from a file or stdin, and lists what it leaves alone", async () => {
    const terminal = await withStore();
    const image = await makeQcow2(join(terminal.home, "web.qcow2"), MiB);
    writeFileSync(join(terminal.home, "web.xml"), xml(image));
    const { status, stdout, stderr } = await terminal.run("define", "web.xml");
    expect([status, stdout]).toEqual([0, "Domain 'web' defined from web.xml\n"]);
    expect(stderr).toContain("warning [UNMANAGED_DEVICE]");
    expect(await terminal.json("dominfo", "web")).toMatchObject({ id: webUuid, memoryMib: 512, vcpus: 2 });
    expect(await terminal.ok("dominfo", webUuid)).toContain("Not managed:    sda (");
    await terminal.ok("undefine", "web");
    expect((await terminal.feed(xml(image), "define", "-")).stdout).toBe("Domain 'web' defined from -\n");
  });

  it("takes flags, with paths that hold commas and equal signs, and raw images when told", async () => {
    const terminal = await withStore();
    await makeQcow2(join(terminal.home, "a,b=c.qcow2"), MiB);
    makeRaw(join(terminal.home, "data.img"), MiB);
    const flags = [
      "--disk",
      "vda=a,b=c.qcow2",
      "--disk",
      "vdb=data.img,format=raw",
      "--memory",
      "256",
      "--layers",
      "ly",
    ];
    expect(await terminal.ok("define", "--name", "web", ...flags)).toBe("Domain 'web' defined\n");
    const { disks, memoryMib, layersFolder } = (await terminal.json("dominfo", "web")) as DomainInfo;
    expect(disks.map(({ base }) => [base.path, base.format])).toEqual([
      [join(terminal.home, "a,b=c.qcow2"), "qcow2"],
      [join(terminal.home, "data.img"), "raw"],
    ]);
    expect([memoryMib, layersFolder.startsWith(join(terminal.home, "ly"))]).toEqual([256, true]);
    const rows = disks.map(({ target, head }) => ` ${target}      ${head.path}\n`).join("");
    expect((await terminal.ok("domblklist", "web")).split(/-+\n/)[1]).toBe(`${rows}\n`);
  });

  it("does not guess that an image is raw", async () => {
    const terminal = await withStore();
    makeRaw(join(terminal.home, "data.img"), MiB);
    const { status, stderr } = await terminal.run("define", "--name", "web", "--disk", "vda=data.img");
    expect(status).toBe(2);
    expect(stderr).toContain(`hint: If it is a raw image, say so: --disk vda=${terminal.home}/data.img,format=raw\n`);
  });

  it.each([
    ["vmdk", "VMDK"],
    ["vmdk", "VMDK", "-o", "subformat=monolithicFlat"],
    ["vdi", "VDI"],
    ["vhdx", "VHDX"],
    ["vpc", "VHD"],
    ["qed", "QED"],
  ])("says what a %s image is, how it is converted, and not that it might be raw", async (format, kind, ...more) => {
    const terminal = await withStore();
    execFileSync("qemu-img", ["create", "-q", "-f", format, ...more, join(terminal.home, "my disk"), "1M"]);
    const { status, stderr } = await terminal.run("define", "--name", "web", "--disk", "vda=my disk");
    expect([status, stderr]).toEqual([2, expect.stringContaining(`hint: It begins as a ${kind} image does.`)]);
    const path = join(terminal.home, "my disk");
    expect(stderr).toContain(`\`qemu-img convert -O qcow2 '${path}' '${path}.qcow2'\`\n`);
    expect(stderr).not.toContain("format=raw");
  });

  it("says so of an encrypted disk, too", async () => {
    const terminal = await withStore();
    // Its header alone: how qemu-img makes one depends on how busy the machine is.
    writeFileSync(
      join(terminal.home, "disk"),
      Buffer.concat([Buffer.from("LUKS\xba\xbe\0\x01", "latin1"), Buffer.alloc(MiB)]),
    );
    const { status, stderr } = await terminal.run("define", "--name", "web", "--disk", "vda=disk");
    expect([status, stderr]).toEqual([2, expect.stringContaining("hint: It begins as a LUKS image does.")]);
  });

  it.each([
    ["a missing image", ["--name", "web", "--disk", "vda=none.qcow2"], 4, "FILE_NOT_FOUND"],
    ["a missing image of stated format", ["--name", "web", "--disk", "vda=none,format=raw"], 4, "FILE_NOT_FOUND"],
    ["a folder", ["--name", "web", "--disk", "vda=."], 2, "USAGE"],
    ["an unknown format", ["--name", "web", "--disk", "vda=ok.qcow2,format=vmdk"], 3, "UNSUPPORTED"],
    ["a wrong format", ["--name", "web", "--disk", "vda=raw.img,format=qcow2"], 3, "IMAGE_INVALID"],
    ["an odd raw image", ["--name", "web", "--disk", "vda=odd.img,format=raw"], 3, "IMAGE_INVALID"],
    ["a bad name", ["--name", "a/b", "--disk", "vda=ok.qcow2"], 2, "INVALID_NAME"],
    ["an empty name", ["--name", "", "--disk", "vda=ok.qcow2"], 2, "INVALID_NAME"],
    ["a bad uuid", ["--name", "web", "--disk", "vda=ok.qcow2", "--uuid", "7"], 2, "USAGE"],
    ["an unknown driver", ["--name", "web", "--disk", "vda=ok.qcow2", "--driver", "xen"], 2, "USAGE"],
    ["a missing XML file", ["none.xml"], 4, "FILE_NOT_FOUND"],
    ["a folder as XML", ["."], 4, "FILE_NOT_FOUND"],
    ["broken XML", ["broken.xml"], 2, "INVALID_XML"],
    ["a disk that cannot be managed", ["block.xml"], 3, "UNSUPPORTED"],
  ])("refuses %s and leaves store and images as they were", async (_, args, status, code) => {
    const terminal = await withStore();
    const image = await makeQcow2(join(terminal.home, "ok.qcow2"), MiB);
    makeRaw(join(terminal.home, "raw.img"), MiB);
    makeRaw(join(terminal.home, "odd.img"), 1000);
    writeFileSync(join(terminal.home, "broken.xml"), "<domain><name>web</domain>");
    writeFileSync(join(terminal.home, "block.xml"), xml(image).replace("type='file'", "type='block'"));
    const before = [statSync(image).mtimeMs, readFileSync(image).toString("base64")];
    const ran = await terminal.run("define", ...args);
    expect([ran.status, ran.stdout]).toEqual([status, ""]);
    expect(ran.stderr).toMatch(new RegExp(`^error \\[${code}\\] .*\nhint: .*\n$`));
    expect([statSync(image).mtimeMs, readFileSync(image).toString("base64")]).toEqual(before);
    expect(await logLength(terminal)).toBe(1);
  });

  it("refuses a name or an image that is taken", async () => {
    const terminal = await withWeb();
    const again = await terminal.run("define", "--name", "web", "--disk", "vda=web.qcow2");
    expect([again.status, again.stderr.slice(0, 21)]).toEqual([3, "error [DOMAIN_EXISTS]"]);
    const head = await headFile(terminal);
    const onHead = await terminal.run("define", "--name", "other", "--disk", `vda=${head}`);
    expect([onHead.status, onHead.stderr.slice(0, 20)]).toEqual([3, "error [IMAGE_IN_USE]"]);
  });

  it("refuses a uuid that is taken, says by whom, and records it with that domain alone", async () => {
    const terminal = await withWeb();
    const define = (...args: readonly string[]) =>
      terminal.run("define", "--driver", "memory", "--disk", "vda=/x", ...args);
    const before = await logLength(terminal);
    const other = await define("--name", "other", "--uuid", webUuid);
    expect(other.stderr).toMatch(
      /^error \[DOMAIN_EXISTS\] Domain "web" has the uuid 0f0e.*\nhint: Choose another uuid /,
    );
    const same = await define("--name", "web", "--uuid", webUuid);
    expect(same.stderr).toMatch(/^error \[DOMAIN_EXISTS\] Domain "web" exists already, with this uuid\.\n/);
    expect(await logLength(terminal)).toBe(before + 2);
    expect((await define("--name", "web")).stderr).toMatch(
      /Domain "web" exists already\.\nhint: Choose another name, /,
    );
    expect(await logLength(terminal)).toBe(before + 2);
  });

  it("gives the first result when the command id comes again", async () => {
    const terminal = await withStore();
    await makeQcow2(join(terminal.home, "web.qcow2"), MiB);
    const define = ["define", "--name", "web", "--disk", "vda=web.qcow2", "--command-id", "order-1"];
    const first = (await terminal.json(...define)) as Outcome;
    const again = (await terminal.json(...define)) as Outcome;
    expect([again.repeated, again.domain, again.position]).toEqual([true, first.domain, first.position]);
    const other = await terminal.run("define", "--name", "x", "--disk", "vda=web.qcow2", "--command-id", "order-1");
    expect([other.status, other.stderr.slice(0, 25)]).toEqual([5, "error [COMMAND_ID_REUSED]"]);
  });

  it("with --plan makes nothing", async () => {
    const terminal = await withStore();
    await makeQcow2(join(terminal.home, "web.qcow2"), MiB);
    const plan = await terminal.ok("define", "--name", "web", "--disk", "vda=web.qcow2", "--plan");
    expect(plan).toMatch(/^Plan for DefineDomain on domain 'web'; nothing was changed\n {2}would make: /);
    expect([await logLength(terminal), await terminal.json("list")]).toEqual([1, []]);
  });
});

describe("domains", () => {
  it("are listed as virsh lists them", async () => {
    const terminal = await withDemo();
    await terminal.ok("start", "demo");
    await makeQcow2(join(terminal.home, "web.qcow2"), MiB);
    await terminal.ok("define", "--name", "web", "--disk", "vda=web.qcow2");
    const table = [
      " Id   Name   State",
      "-----------------------",
      " -    demo   running",
      " -    web    shut off",
      "",
      "",
    ];
    expect(await terminal.ok("list")).toBe(table.join("\n"));
    expect(await terminal.ok("list", "--all")).toBe(table.join("\n"));
    expect(await terminal.ok("list", "--name")).toBe("demo\nweb\n");
  });

  it("that do not exist are 4", async () => {
    const terminal = await withStore();
    for (const verb of ["dominfo", "domstate", "domblklist", "snapshot-list", "undefine", "compact", "start"]) {
      const { status, stdout, stderr } = await terminal.run(verb, "web");
      expect([verb, status, stdout, stderr.slice(0, 24)]).toEqual([verb, 4, "", "error [DOMAIN_NOT_FOUND]"]);
    }
    expect(await logLength(terminal)).toBe(1);
  });
});

describe("undefine", () => {
  it("lets go of a domain without snapshots", async () => {
    const terminal = await withWeb();
    expect(await terminal.ok("undefine", "web")).toMatch(/^Domain 'web' has been undefined\n/);
    expect(await terminal.json("list")).toEqual([]);
  });

  it("refuses to lose snapshots or unsaved changes, until told how", async () => {
    const terminal = await withWeb();
    await guestWrites(terminal, 1);
    expect(await terminal.run("undefine", "web")).toMatchObject({ status: 3, stdout: "" });
    expect((await terminal.run("undefine", "web")).stderr).toMatch(/^error \[HEADS_DIRTY\] .*\nhint: .*--discard-all/);
    await takeSnapshot(terminal, "a");
    expect((await terminal.run("undefine", "web")).stderr).toMatch(/^error \[DOMAIN_HAS_SNAPSHOTS\] /);
    const gone = await terminal.ok("undefine", "web", "--discard-all");
    expect(gone).toMatch(/^Domain 'web' has been undefined\n {2}deleted: {6}snapshot "a" \(\d+ KiB\)\n/);
  });

  it("with --keep-files leaves every file and lists them", async () => {
    const terminal = await withWeb();
    await takeSnapshot(terminal, "a");
    const head = await headFile(terminal);
    const kept = await terminal.ok("undefine", "web", "--keep-files");
    expect(kept).toContain(`  kept:         ${head}\n`);
    expect(statSync(head).isFile()).toBe(true);
  });
});

describe("a guest", () => {
  it("of a memory domain starts and stops; its state is virsh's word", async () => {
    const terminal = await withDemo();
    expect(await terminal.ok("domstate", "demo")).toBe("shut off\n");
    expect(await terminal.ok("start", "demo")).toBe("Domain 'demo' started\n");
    expect(await terminal.ok("domstate", "demo")).toBe("running\n");
    expect((await terminal.run("start", "demo")).stderr).toMatch(/^error \[DOMAIN_RUNNING\] /);
    expect(await terminal.ok("destroy", "demo")).toBe("Domain 'demo' destroyed\n");
    expect((await terminal.run("destroy", "demo")).stderr).toMatch(/^error \[DOMAIN_NOT_RUNNING\] /);
    await terminal.ok("start", "demo", "--paused");
    expect(await terminal.json("domstate", "demo")).toEqual({ state: "paused" });
  });

  it("of a memory domain is suspended, resumed and shut down", async () => {
    const terminal = await withDemo();
    await terminal.ok("start", "demo");
    expect((await terminal.run("resume", "demo")).stderr).toMatch(/^error \[DOMAIN_RUNNING\] /);
    expect(await terminal.ok("suspend", "demo")).toBe("Domain 'demo' suspended\n");
    expect((await terminal.run("suspend", "demo")).stderr).toMatch(/^error \[DOMAIN_NOT_RUNNING\] .* paused already/);
    expect((await terminal.run("shutdown", "demo")).stderr).toMatch(/^error \[DOMAIN_NOT_RUNNING\] .*\nhint: .*resume/);
    expect(await terminal.ok("resume", "demo")).toBe("Domain 'demo' resumed\n");
    expect(await terminal.ok("shutdown", "demo")).toBe("Domain 'demo' shut down\n");
    for (const verb of ["suspend", "resume", "shutdown"]) expect((await terminal.run(verb, "demo")).status).toBe(3);
  });

  it("is not started where QEMU is not installed, and it says what to install", async () => {
    const web = await withWeb();
    const tools = join(web.home, "tools");
    mkdirSync(tools);
    symlinkSync(execFileSync("which", ["qemu-img"], { encoding: "utf8" }).trim(), join(tools, "qemu-img"));
    const { status, stderr } = await new Terminal(web.home, { PATH: tools }).run("start", "web");
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^error \[DRIVER_FAILED\] The program qemu-system-x86_64 .*\nhint: .*apt-get install qemu-system-x86\n/,
    );
    expect(await web.ok("domstate", "web")).toBe("shut off\n");
  });
});
