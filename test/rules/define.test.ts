import { describe, expect, test } from "vitest";
import { created, definition, define, domainDefined, given, undefine } from "./given.ts";
import { domainId, sizes } from "./scenario.ts";

const elsewhere = { path: "/images/vda.qcow2", domain: "db" } as const;

describe("a definition", () => {
  test("makes one empty overlay per disk, on images that are never written to", () => {
    const then = given()
      .when(define(["vda", "vdb"]))
      .leaves("*")
      .shows({});
    expect(then.accepted.plan).toMatchObject({
      ...{ removes: [], folds: [], spaceBytes: 0 },
      steps: ["vda", "vdb"].map((target) => ({
        ...{ step: "overlay", target, virtualBytes: sizes.base },
        backing: { path: `/images/${target}.qcow2`, format: "qcow2" },
      })),
    });
  });

  test("names its files after their ids, in the folder for its layers", () => {
    const then = given(definition({ layersFolder: "/fast/vm" })).when(define());
    const [step] = then.accepted.plan.steps;
    if (step?.step !== "overlay") return expect.unreachable("no overlay");
    expect(step.path).toBe(`/fast/vm/${step.layer}.qcow2`);
    then.and(({ heads, bases, layersFolder }) => {
      expect(layersFolder).toBe("/fast/vm");
      expect({ heads, bases }).toEqual({ heads: { vda: step.layer }, bases: { vda: step.backingLayer } });
    });
  });

  test("gives each head the size of its own image", () => {
    const then = given((world) => Object.assign(world.baseBytes, { vda: 512, vdb: 1024 })).when(define(["vda", "vdb"]));
    expect(then.accepted.plan.steps).toMatchObject([{ virtualBytes: 512 }, { virtualBytes: 1024 }]);
  });

  test("states the format of a raw image, so that no tool guesses it", () => {
    const disks = [{ target: "vda", path: "/images/vda.raw", format: "raw" }] as const;
    const then = given().when(define([], { disks }));
    expect(then.accepted.plan.steps).toMatchObject([{ backing: { path: "/images/vda.raw", format: "raw" } }]);
  });

  test("records what was seen of the images, and what is not managed", () => {
    const unmanaged = [{ target: "hdc", source: "/iso/debian.iso", why: "cdrom" }] as const;
    const more = { memoryMib: 512, vcpus: 2, unmanaged, xmlSha256: "f".repeat(64) };
    const lower = { path: "/images/lower.qcow2", format: "qcow2", bytes: 1, virtualBytes: 1 } as const;
    const chain = [{ ...lower, device: "1", inode: "9", mtimeNs: "0" }];
    const image = { file: { ...chain[0]!, path: "/images/vda.qcow2", virtualBytes: 512 }, chain, writable: false };
    given(definition({ images: { vda: image } }))
      .when(define(["vda"], more))
      .does("DomainDefined", { name: "vm", driver: "memory", ...more, disks: [{ target: "vda", image }] })
      .and(({ baseChains, memoryMib, vcpus }) => {
        expect({ baseChains, memoryMib, vcpus }).toEqual({ baseChains: { vda: chain }, memoryMib: 512, vcpus: 2 });
      });
  });

  test("may be made again of a domain that was undefined", () => {
    given(domainDefined(), (world) => world.execute(undefine()))
      .when(define())
      .leaves("*");
  });
});

describe("a definition is refused", () => {
  test("for a name that a domain has", () => {
    const { message } = given(definition({ taken: "vm" }))
      .when(define())
      .refuses("DOMAIN_EXISTS", { domain: "vm" }, /^Choose another name, or undefine that domain first\.$/);
    expect(message).toBe('Domain "vm" exists already.');
  });

  test("for a uuid that a domain has, and says which", () => {
    const { message } = given(domainDefined(), definition({ taken: domainId }))
      .when(define(["vda"], { name: "other" }))
      .refuses("DOMAIN_EXISTS", { domain: "other", uuid: domainId, owner: "vm" }, /^Choose another uuid \(<uuid> /);
    expect(message).toBe(`Domain "vm" has the uuid ${domainId} already.`);
  });

  test("for the name and the uuid of one domain, and says that both are", () => {
    const { message } = given(domainDefined(), definition({ taken: "vm" }))
      .when(define())
      .refuses("DOMAIN_EXISTS", { domain: "vm", owner: "vm" }, /^Choose another name and another uuid /);
    expect(message).toBe('Domain "vm" exists already, with this uuid.');
  });

  test("for a name that one domain has, before the uuid that another has", () => {
    const { message } = given(domainDefined(), definition({ taken: "other" }))
      .when(define(["vda"], { name: "other" }))
      .refuses("DOMAIN_EXISTS", { domain: "other" }, /^Choose another name, or /);
    expect(message).toBe('Domain "other" exists already.');
  });

  test("on a layer or head of a domain, or on what stands on one", () => {
    const { message } = given(definition({ ours: [elsewhere] }))
      .when(define())
      .refuses("IMAGE_IN_USE", elsewhere, /^Define the domain on a whole copy, made by `qemu-img convert /);
    expect(message).toBe('/images/vda.qcow2 is a layer or head of domain "db".');
  });

  test("on a file that undefine left, and says that it is one", () => {
    const { message } = given(definition({ ours: [{ ...elsewhere, kept: true }] }))
      .when(define())
      .refuses("IMAGE_IN_USE", elsewhere, /^Define the domain on a whole copy, .*other files may stand on it\.$/);
    expect(message).toBe('/images/vda.qcow2 is a file that undefine left, of domain "db".');
  });

  test("on a base image that a merge is rewriting", () => {
    const { message } = given(definition({ pending: [elsewhere] }))
      .when(define())
      .refuses("BASE_PENDING", elsewhere, /`snapledger compact db`/);
    expect(message).toBe('/images/vda.qcow2 is being rewritten by a merge of domain "db".');
  });

  test("for the first of several reasons, the name before the images", () => {
    const facts = { ours: [elsewhere], pending: [elsewhere] };
    given(definition({ ...facts, taken: "vm" }))
      .when(define())
      .refuses("DOMAIN_EXISTS");
    given(definition(facts)).when(define()).refuses("IMAGE_IN_USE");
  });
});

test("what a domain has does not come back with its definition", () => {
  given(domainDefined(), created("a"), (world) => {
    world.execute(undefine("discard-all"));
    world.cleanUp();
  })
    .when(define())
    .leaves("*")
    .and(({ layers }) => expect(layers.size, "a base and a head").toBe(2));
});
