import { expect, test } from "vitest";
import { findProgram, runProgram, startProgram } from "../../../src/system/run-program.ts";

const sh = findProgram("sh", "dash");
const run = (script: string, options: Partial<Parameters<typeof runProgram>[2]> = {}) =>
  runProgram(sh, ["-c", script], { debianPackage: "dash", ...options });

test("a program that is on no folder of PATH is told with the package that has it", () => {
  expect(() => findProgram("no-such-program", "some-package")).toThrow(
    expect.objectContaining({ code: "DRIVER_FAILED", hint: "Install it: apt-get install some-package" }),
  );
});

test("so is one that is gone from where it was", async () => {
  const running = runProgram("/no/such/program", [], { debianPackage: "some-package" });
  await expect(running).rejects.toMatchObject({ code: "DRIVER_FAILED", facts: { program: "/no/such/program" } });
  const started = startProgram("/no/such/program", [], { stdio: ["ignore", "ignore", "ignore"] });
  expect(started.pid).toBeUndefined();
  const end = await started.ended;
  expect(end).toMatchObject({ code: -1, signal: null });
  expect(end.complaint).toContain("ENOENT");
});

test("what it prints, what it complains of and how it ended are told, in the C locale and nothing else of ours", async () => {
  const end = await run('echo "$LC_ALL $HOME"; echo no >&2; exit 3');
  expect(end).toEqual({ code: 3, signal: null, output: "C", complaint: "no" });
});

test("lines that are taken are not kept, and a long output is cut", async () => {
  const taken: string[] = [];
  const takeLine = (line: string) => line.startsWith("%") && taken.push(line) > 0;
  expect(await run("printf '%s' '%1\r%2\rend'", { takeLine })).toMatchObject({ output: "end" });
  expect(taken).toEqual(["%1", "%2"]);
  const { output } = await run("yes 0123456789 | head -n 100000");
  expect(output.length).toBeGreaterThan(200_000);
  expect(output.length).toBeLessThan(300_000);
});

test("it ends when it is aborted, and when a line is not taken well", async () => {
  const abort = new AbortController();
  const end = await run("exec sleep 60", {
    signal: abort.signal,
    onChild: () => setTimeout(() => abort.abort(), 20),
  });
  expect(end).toMatchObject({ code: null, signal: "SIGTERM" });
  const takeLine = () => {
    throw new Error("not well");
  };
  await expect(run("echo line; exec sleep 60", { takeLine })).rejects.toThrow("not well");
});
