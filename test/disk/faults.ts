import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** The library of faults.c, which a process loads before libc. */

export function hasCompiler(): boolean {
  try {
    execFileSync("gcc", ["-E", "-x", "c", "-"], { input: "#include <dlfcn.h>\n", stdio: ["pipe", "ignore", "ignore"] });
    return true;
  } catch {
    return false;
  }
}

export function compileFaults(folder: string): string {
  const flags = ["-O1", "-shared", "-fPIC", "-o", faultsIn(folder)];
  execFileSync("gcc", [...flags, join(import.meta.dirname, "faults.c"), "-ldl"]);
  return faultsIn(folder);
}

export function faultsIn(folder: string): string {
  return join(folder, "faults.so");
}
