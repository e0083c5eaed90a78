import { SnapledgerError } from "../errors.ts";
import type { Command, DefineDomain } from "../events/command.ts";
import { isUuid } from "../events/ids.ts";
import { limits } from "../events/log.ts";
import type { Request } from "./request.ts";
import { checkName, checkTarget } from "./rules/names.ts";

/** What is wrong with a command whatever the state: never recorded. INVALID_NAME, TOO_LARGE, USAGE. */
export function checkCommand(command: Command): void {
  if (command.type === "DefineDomain") checkDefinition(command);
  if (command.type !== "CreateSnapshot") return;
  if (command.name !== null) checkName("snapshot", command.name);
  checkText("description", command.description, limits.descriptionBytes);
}

export function checkRequest({ reason, ticket, commandId, expectRevision }: Request): void {
  checkText("reason", reason ?? "", limits.reasonBytes);
  checkText("ticket", ticket ?? "", limits.ticketBytes);
  checkText("command id", commandId ?? "", limits.commandIdBytes);
  if (commandId === "") throw usage("The command id is empty.");
  if (expectRevision !== undefined && !(Number.isSafeInteger(expectRevision) && expectRevision >= 0)) {
    throw usage("The expected revision is not a whole number.");
  }
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
  const size = new TextEncoder().encode(text).length;
  if (size > bytes) {
    throw new SnapledgerError("TOO_LARGE", `The ${what} has ${size} bytes, more than ${bytes}.`, {
      facts: { what, bytes: size, limit: bytes },
      hint: "Shorten it, or put the long text elsewhere and name the place.",
    });
  }
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/u.test(text)) {
    throw usage(`The ${what} holds a control character.`);
  }
}

function usage(message: string): SnapledgerError {
  return new SnapledgerError("USAGE", message, { hint: "Correct it and run the command again. Nothing was changed." });
}
