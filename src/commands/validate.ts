import * as v from "valibot";
import { SnapledgerError } from "../errors.ts";
import type { Command, DefineDomain, DiskDefinition } from "../events/command.ts";
import { isUuid } from "../events/ids.ts";
import { limitBytes, limits } from "../events/limits.ts";
import type { UnmanagedDevice } from "../events/records.ts";
import type { Caller, Request } from "./request.ts";
import { checkName, checkTarget } from "./rules/names.ts";

/**
 * What comes in through the API, checked by shape before anything is looked at or recorded: a server hands on what
 * somebody sent it, and JavaScript has no compiler to say no. USAGE, or INVALID_NAME where something new is named by
 * what is no text; the message has the field. What is handed back is a copy: what was checked is what is done.
 *
 * A field that a command or a request does not have is refused: passed over, a misspelt `plan` would do what was only
 * to be planned, and a misspelt `commandId` would do it twice. Of a caller only what is known is taken, and all of it
 * has to be there, so that nothing can be misspelt: whatever else a server keeps of its users may stand beside it.
 */
export function parseCommand(input: unknown): Command {
  const { type } = parse("command", typed, input);
  const parsed = parse<Command>("command", commands[type], input);
  if (parsed.type === "DefineDomain") checkDefinition(parsed);
  if (parsed.type === "CreateSnapshot") {
    if (parsed.name !== null) checkName("snapshot", parsed.name);
    checkText("description", parsed.description, limits.descriptionBytes);
  }
  return parsed;
}

export function parseCaller(input: unknown): Caller {
  return parse("caller", caller, input);
}

export function parseRequest(input: unknown = {}): Request {
  const parsed = parse("request", request, input);
  const { reason, ticket, commandId, expectRevision } = parsed;
  checkText("reason", reason ?? "", limits.reasonBytes);
  checkText("ticket", ticket ?? "", limits.ticketBytes);
  checkText("command id", commandId ?? "", limits.commandIdBytes);
  if (commandId === "") throw usage("The command id is empty.");
  if (expectRevision !== undefined && !isCount(expectRevision))
    throw usage("The expected revision is not a whole number.");
  return parsed;
}

/** A shape for each field, and none forgotten. */
type Fields<T> = { readonly [K in keyof T]-?: v.GenericSchema<unknown, T[K]> };
type CommandOf<Type extends Command["type"]> = Extract<Command, { type: Type }>;

export const text = v.string("text");
const textOrNull = v.nullable(v.string("text or null"));
const flag = v.boolean("true or false");
const flagOrNone = v.optional(flag);
const numberOrNull = v.nullable(v.number("a number or null"));
const whole = v.pipe(v.number("a whole number"), v.check(isCount, "a whole number"));
const ownId = v.nullable(v.pipe(v.number("a whole number or null"), v.check(isCount, "a whole number or null")));
const oneOf = <const T extends string>(...words: readonly T[]) => v.picklist(words, `one of ${words.join(", ")}`);
export const callback = <T>() => v.optional(v.custom<T>((input) => typeof input === "function", "a function"));
const signal = v.custom<AbortSignal>((input) => input instanceof AbortSignal, "an AbortSignal");

function isCount(input: number): boolean {
  return Number.isSafeInteger(input) && input >= 0;
}

export function strict<T>(fields: Fields<T>): v.GenericSchema<unknown, T> {
  return v.strictObject(fields, "an object") as unknown as v.GenericSchema<unknown, T>;
}

function command<Type extends Command["type"]>(type: Type, fields: Fields<Omit<CommandOf<Type>, "type">>) {
  return strict({ type: v.literal(type), ...fields } as unknown as Fields<CommandOf<Type>>);
}

const domain = text;
const deactivation = { domain, snapshot: text, discardChanges: flag };
const disk = strict<DiskDefinition>({ target: text, path: text, format: oneOf("qcow2", "raw") });
const device = strict<UnmanagedDevice>({ target: text, source: textOrNull, why: text });

const commands: { readonly [Type in Command["type"]]: v.GenericSchema<unknown, CommandOf<Type>> } = {
  DefineDomain: command("DefineDomain", {
    ...{ uuid: text, name: text, driver: oneOf("memory", "qemu"), memoryMib: numberOrNull, vcpus: numberOrNull },
    ...{ accelerator: v.optional(oneOf("kvm", "tcg")), guestAgent: flagOrNone },
    ...{ disks: v.array(disk, "a list"), unmanaged: v.array(device, "a list"), layersFolder: textOrNull },
    xmlSha256: v.nullable(v.pipe(text, v.regex(/^[0-9a-f]{64}$/, "64 hex digits or null"))),
  }),
  UndefineDomain: command("UndefineDomain", { domain, keep: oneOf("refuse", "discard-all", "keep-files") }),
  CreateSnapshot: command("CreateSnapshot", {
    ...{ domain, name: textOrNull, description: text, compression: textOrNull, compress: flagOrNone },
    ...{ offline: flag, diskOnly: flag, quiesce: flagOrNone },
  }),
  CreateWithSnapshot: command("CreateWithSnapshot", { ...deactivation, start: flag, paused: flagOrNone }),
  DeactivateSnapshot: command("DeactivateSnapshot", deactivation),
  MergeSnapshot: command("MergeSnapshot", { ...deactivation, force: flag }),
  DiscardSnapshot: command("DiscardSnapshot", { ...deactivation, force: flag }),
  CompactDomain: command("CompactDomain", { domain }),
  RecoverDomain: command("RecoverDomain", { domain }),
  StartDomain: command("StartDomain", { domain, paused: flag }),
  DestroyDomain: command("DestroyDomain", { domain }),
  ShutdownDomain: command("ShutdownDomain", { domain, timeoutMs: whole }),
  SuspendDomain: command("SuspendDomain", { domain }),
  ResumeDomain: command("ResumeDomain", { domain }),
};
const types = Object.keys(commands) as Command["type"][];
const typed = v.looseObject({ type: oneOf(...types) }, "an object");

const known: Fields<Caller> = {
  user: v.pipe(text, v.nonEmpty("text that is not empty")),
  ...{ uid: ownId, loginUid: ownId, sudoUser: textOrNull, host: text, via: text, knownBy: text, pid: ownId },
};
const caller: v.GenericSchema<unknown, Caller> = v.object(known, "an object");

export const said = { reason: v.optional(textOrNull), ticket: v.optional(textOrNull) };
const request = strict<Request>({
  ...{ ...said, commandId: v.optional(textOrNull), expectRevision: v.optional(v.number("a whole number")) },
  expectSnapshot: v.optional(text),
  ...{ plan: flagOrNone, onProgress: callback<NonNullable<Request["onProgress"]>>(), signal: v.optional(signal) },
});

export function parse<T>(what: string, shape: v.GenericSchema<unknown, T>, input: unknown): T {
  const result = v.safeParse(shape, input, { abortEarly: true });
  if (result.success) return result.output;
  throw misshapen(what, result.issues[0]);
}

/** Names of what is new have a code of their own, whatever is wrong with them. */
const newNames = /^(name|disks\.\d+\.target)$/;

function misshapen(what: string, issue: v.BaseIssue<unknown>): SnapledgerError {
  const field = v.getDotPath(issue);
  const unknown = issue.expected === "never";
  const code = field !== null && newNames.test(field) && !unknown ? "INVALID_NAME" : "USAGE";
  const hint = "Correct it and run the command again. Nothing was changed.";
  return new SnapledgerError(code, wordsOf(what, field, unknown, issue), { facts: { field }, hint });
}

function wordsOf(
  what: string,
  field: string | null,
  unknown: boolean,
  { message, received }: v.BaseIssue<unknown>,
): string {
  const shown = received.length > 80 ? `${received.slice(0, 80)}…` : received;
  if (field === null) return `The ${what} is not ${message}, but ${shown}.`;
  const named = `The ${what}'s field ${JSON.stringify(field)}`;
  if (unknown) return `${named} is not known.`;
  return received === "undefined" ? `${named} is missing.` : `${named} is not ${message}, but ${shown}.`;
}

function checkDefinition({ name, uuid, disks, layersFolder, memoryMib, vcpus }: DefineDomain): void {
  checkName("domain", name);
  if (isUuid(name)) throw usage("A domain's name cannot be a uuid: it could not be told from one.");
  if (!isUuid(uuid)) throw usage(`"${uuid}" is not a uuid in lower case.`);
  if (disks.length === 0) throw usage("A domain needs at least one disk.");
  for (const { target, path } of disks) {
    checkTarget(target);
    checkPath(path);
  }
  const targets = disks.map(({ target }) => target);
  const twice = targets.find((target, i) => targets.indexOf(target) !== i);
  if (twice !== undefined) throw usage(`Disk ${twice} is named twice.`);
  if (layersFolder !== null) checkPath(layersFolder);
  for (const count of [memoryMib, vcpus]) {
    if (count !== null && !(Number.isSafeInteger(count) && count > 0))
      throw usage(`${count} is not a positive number.`);
  }
}

function checkPath(path: string): void {
  if (!path.startsWith("/")) throw usage(`The path ${JSON.stringify(path)} is not absolute.`);
  if (path.includes("\0")) throw usage("A path cannot hold a NUL character.");
  if (/[\ud800-\udfff]/u.test(path)) throw usage("A path must be well-formed Unicode.");
}

/** Text that is kept for good and shown in XML: no more than `bytes`, and no character that XML 1.0 cannot hold. */
function checkText(what: string, text: string, bytes: number): void {
  limitBytes(what, text, bytes);
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/u.test(text)) {
    throw usage(`The ${what} holds a control character.`);
  }
}

function usage(message: string): SnapledgerError {
  return new SnapledgerError("USAGE", message, { hint: "Correct it and run the command again. Nothing was changed." });
}
