import { describe, expect, test } from "vitest";
import { parseCommand, parseRequest } from "../../src/commands/validate.ts";
import type { SnapledgerError } from "../../src/errors.ts";
import type { Request } from "../../src/connection/api.ts";
import { create, define, merge } from "./given.ts";

function error(code: SnapledgerError["code"], message = ""): unknown {
  return expect.objectContaining({ code, message: expect.stringContaining(message) as string });
}

describe("a snapshot that is asked for", () => {
  test.each([
    ["no name: one is made up", create(null)],
    ["a description of 64 KiB", create("a", { description: "x".repeat(64 * 1024) })],
    ["a description of several lines", create("a", { description: "one\n\ttwo\r\n" })],
  ])("may have %s", (_, command) => {
    expect(() => parseCommand(command)).not.toThrow();
  });

  test("must have a name that can be shown", () => {
    expect(() => parseCommand(create("a/b"))).toThrow(error("INVALID_NAME"));
  });

  test("is refused with a description beyond 64 KiB, counted in bytes", () => {
    const description = "é".repeat(32 * 1024) + "x";
    expect(() => parseCommand(create("a", { description }))).toThrow(error("TOO_LARGE", "65537 bytes"));
  });

  test.each(["\u0000", "\u001b", "\ufffe", "\ud800"])("is refused with a description XML cannot hold", (character) => {
    expect(() => parseCommand(create("a", { description: character }))).toThrow(error("USAGE", "control character"));
  });
});

describe("a definition", () => {
  const uuid = define().uuid;
  const disk = { target: "vda", path: "/a.qcow2", format: "qcow2" } as const;

  test("with good names, absolute paths and whole numbers passes", () => {
    const command = define(["vda", "vdb"], { memoryMib: 512, vcpus: 2, layersFolder: "/layers" });
    expect(() => parseCommand(command)).not.toThrow();
  });

  test.each([
    ["a name with a slash", { name: "a/b" }, "INVALID_NAME", "domain name"],
    ["a uuid for a name", { name: uuid }, "USAGE", "could not be told from one"],
    ["a uuid in capitals", { uuid: uuid.toUpperCase() }, "USAGE", "not a uuid"],
    ["no disk", { disks: [] }, "USAGE", "at least one disk"],
    ["a target that is no key", { disks: [{ ...disk, target: "../x" }] }, "INVALID_NAME", "target"],
    ["one target twice", { disks: [disk, { ...disk, path: "/b" }] }, "USAGE", "vda is named twice"],
    ["a relative path", { disks: [{ ...disk, path: "a.qcow2" }] }, "USAGE", "not absolute"],
    ["NUL in a path", { disks: [{ ...disk, path: "/a\0" }] }, "USAGE", "NUL"],
    ["a path that is no Unicode", { disks: [{ ...disk, path: "/\ud800" }] }, "USAGE", "Unicode"],
    ["a relative layers folder", { layersFolder: "layers" }, "USAGE", "not absolute"],
    ["no memory", { memoryMib: 0 }, "USAGE", "not a positive number"],
    ["half a processor", { vcpus: 0.5 }, "USAGE", "not a positive number"],
  ] as const)("is refused with %s", (_, wrong, code, message) => {
    expect(() => parseCommand(define(["vda"], wrong))).toThrow(error(code, message));
  });
});

test("a snapshot that is only looked up may have any name: it is found or not", () => {
  expect(() => parseCommand(merge("a/b"))).not.toThrow();
});

describe("what is said along with a command", () => {
  test("may be all of it, or nothing", () => {
    const everything = { reason: "r".repeat(4096), ticket: "OPS-1", commandId: "c", expectRevision: 0 };
    expect(() => parseRequest({})).not.toThrow();
    expect(() => parseRequest(everything)).not.toThrow();
  });

  test.each([
    [{ reason: "r".repeat(4097) }, "TOO_LARGE", "reason"],
    [{ ticket: "t".repeat(257) }, "TOO_LARGE", "ticket"],
    [{ commandId: "c".repeat(257) }, "TOO_LARGE", "command id"],
    [{ commandId: "" }, "USAGE", "empty"],
    [{ reason: "\u001b[2J" }, "USAGE", "control character"],
    [{ expectRevision: -1 }, "USAGE", "revision"],
    [{ expectRevision: 1.5 }, "USAGE", "revision"],
  ] satisfies [Request, SnapledgerError["code"], string][])("is refused: %o", (request, code, message) => {
    expect(() => parseRequest(request)).toThrow(error(code, message));
  });
});
