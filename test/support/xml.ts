import { expect } from "vitest";
import { SnapledgerError } from "../../src/errors.ts";

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The SnapledgerError that `work` throws; fails the test when it throws none, or another. */
export function refusalOf(work: () => unknown): SnapledgerError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(SnapledgerError);
    return error as SnapledgerError;
  }
  return expect.fail("nothing was refused");
}
