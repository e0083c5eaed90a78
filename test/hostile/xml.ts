import { isDeepStrictEqual } from "node:util";
import { isSnapledgerError } from "../../src/errors.ts";
import type { SnapledgerError } from "../../src/errors.ts";
import { parseDomain } from "../../src/xml/domain.ts";
import { parseDomainSnapshot } from "../../src/xml/domainsnapshot.ts";
import type { SnapshotFields } from "../../src/xml/domainsnapshot.ts";
import { parseXml, textOf } from "../../src/xml/parse.ts";
import type { XmlElement } from "../../src/xml/parse.ts";
import { tag, writeXml } from "../../src/xml/write.ts";
import type { Random } from "../support/random.ts";
import { bytesOf } from "../support/xml.ts";
import { claim, claimUnpolluted, refusalOr } from "./campaign.ts";
import type { Campaign } from "./campaign.ts";
import { drawnXml } from "./xml-drawn.ts";

export const xml: Campaign = { name: "xml", soak: 1_000_000, check: (drawn) => checkXml(drawnXml(drawn)) };

/** Refused with the place, or read; and what is read is read the same again once it is written. */
export function checkXml(bytes: Uint8Array): string {
  const whole = refusalOr(() => parseXml(bytes), ["INVALID_XML"]);
  claimUnpolluted();
  if (isSnapledgerError(whole)) {
    claimPlace(whole, bytes);
    return "refused";
  }
  rewritten(whole.value);
  const snapshot = refusalOr(() => parseDomainSnapshot(bytes), ["INVALID_XML"]);
  const domain = refusalOr(() => parseDomain(bytes), ["INVALID_XML", "UNSUPPORTED"]);
  for (const refusal of [snapshot, domain]) if (isSnapledgerError(refusal)) claimPlace(refusal, bytes);
  if ("value" in snapshot) claimSameAgain(snapshot.value);
  return "value" in snapshot || "value" in domain ? "read" : "well-formed, but refused";
}

/** The line is one of the document's, the column one of the line's or right behind it. */
function claimPlace({ facts, message }: SnapledgerError, bytes: Uint8Array): void {
  const { line, column } = facts as { line: number; column: number };
  const lines = new TextDecoder().decode(bytes).replace(/\r\n?/g, "\n").split("\n");
  const where = `line ${line}, column ${column}`;
  claim(message.includes(where) || message.includes(`L${where.slice(1)}`), () => `${message} does not name ${where}`);
  claim(line >= 1 && line <= lines.length, () => `line ${line} of ${lines.length}: ${message}`);
  const length = Array.from(lines[line - 1] ?? "").length;
  claim(column >= 1 && column <= length + 1, () => `column ${column} of a line of ${length}: ${message}`);
}

function claimSameAgain(fields: SnapshotFields): void {
  const { name, description, compression } = fields;
  const content = [tag("name", name ?? ""), tag("description", description), tag("compression", compression ?? "")];
  const again = parseDomainSnapshot(bytesOf(writeXml(tag("domainsnapshot", content))));
  claim(isDeepStrictEqual(again, fields), () => `${JSON.stringify(fields)} came back as ${JSON.stringify(again)}`);
}

/** Attributes and text of some elements survive being written, whatever they hold. */
function rewritten(root: XmlElement): void {
  const waiting = [root];
  let looked = 0;
  for (let element = waiting.pop(); element && looked < 4; element = waiting.pop()) {
    const { name, attributes, children } = element;
    const text = children.filter((child) => typeof child === "string").join("");
    waiting.push(...children.filter((child) => typeof child !== "string"));
    if (attributes.size === 0 && text.trim() === "") continue;
    looked++;
    const again = parseXml(bytesOf(writeXml(tag("x", text, Object.fromEntries(attributes)))));
    claim(isDeepStrictEqual(again.attributes, attributes), () => `attributes of <${name}> changed`);
    claim(textOf(again) === text, () => `the text of <${name}> changed`);
  }
}

/** For a look from outside: what is read here has to be well-formed for others. */
export function readable(drawn: Random): Uint8Array | undefined {
  const bytes = drawnXml(drawn);
  return isSnapledgerError(refusalOr(() => parseXml(bytes), ["INVALID_XML"])) ? undefined : bytes;
}
