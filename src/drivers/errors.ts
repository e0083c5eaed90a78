import { shellQuote, SnapledgerError } from "../errors.ts";

/** What can be wrong with files and guests, in the same words whichever driver meets it. */

/** IMAGE_INVALID: the image at `path` `problem`. */
export function invalidImage(path: string, problem: string, hint?: string): SnapledgerError {
  return new SnapledgerError("IMAGE_INVALID", `The image "${path}" ${problem}.`, {
    facts: { path },
    ...(hint === undefined ? {} : { hint }),
  });
}

/** IMAGE_INVALID: the image `why`, and must not be written to before it is repaired. */
export function unfitImage(path: string, why: string): SnapledgerError {
  const hint = `Repair it while nobody has it open: qemu-img check -r all ${shellQuote(path)}`;
  return invalidImage(path, why, hint);
}

export function missingFile(path: string): SnapledgerError {
  return new SnapledgerError("FILE_NOT_FOUND", `There is no file "${path}".`, { facts: { path } });
}

export function lockedImage(path: string): SnapledgerError {
  return new SnapledgerError("IMAGE_LOCKED", `Another process is using the image "${path}".`, {
    facts: { path },
    hint: "Stop what has it open (a guest, qemu-nbd, another qemu-img), then try again.",
  });
}

export function fullDisk(
  path: string,
  facts: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): SnapledgerError {
  return new SnapledgerError("DISK_FULL", `The disk that holds "${path}" is full.`, {
    facts: { path, ...facts },
    hint: "Free some space, then run the same command again.",
    cause,
  });
}

export function unsafeFolder(folder: string, problem: string, hint: string): SnapledgerError {
  return new SnapledgerError("LAYERS_UNSAFE", `"${folder}" ${problem}.`, { facts: { path: folder }, hint });
}

/** A file of another kind than the step makes has the name that the step gives. */
export function nameTaken(path: string): SnapledgerError {
  return new SnapledgerError("DRIVER_FAILED", `There is another file at "${path}" already.`, {
    facts: { path },
    hint: "Nothing of ours has this name: move the file away, then try again.",
  });
}

/** The layer's header does not name the file that the step relies on. */
export function wrongLink(path: string, backing: string | null, expected: string): SnapledgerError {
  const message = `The layer "${path}" is not backed by "${expected}", but by "${backing ?? "nothing"}".`;
  return new SnapledgerError("DRIVER_FAILED", message, {
    facts: { path, backing, expected },
    hint: "Run `snapledger recover`: it puts links back to what the log says.",
  });
}

export function readOnlyImage(path: string): SnapledgerError {
  return new SnapledgerError("DRIVER_FAILED", `"${path}" is read-only.`, {
    facts: { path },
    hint: `Allow its owner to write: chmod u+w ${shellQuote(path)}`,
  });
}

export function notALayer(path: string): SnapledgerError {
  const message = `"${path}" is raw: only qcow2 layers are shrunk or re-pointed.`;
  return new SnapledgerError("DRIVER_FAILED", message, { facts: { path } });
}

export function interrupted(step: string, path: string): SnapledgerError {
  return new SnapledgerError("INTERRUPTED", `The ${step} of "${path}" was interrupted.`, {
    facts: { path },
    hint: "Nothing is lost: run the same command again.",
  });
}
