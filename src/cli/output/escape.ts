import { invisibleCharacters } from "../../commands/rules/names.ts";

/**
 * What a terminal would act on instead of showing, or show as nothing: C0 and C1 controls (escape sequences start with
 * one), line separators, halves of surrogate pairs, and invisible characters.
 */
const dangerous = new RegExp(
  String.raw`[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff${invisibleCharacters}]`,
  "gu",
);

/** One line of text, safe to print: each dangerous character becomes `\u{…}`, a newline too. */
export function escapeLine(text: string): string {
  return text.replace(dangerous, braced);
}

/** As `escapeLine`, but newlines and tabs stay: for whole documents. */
export function escapeDocument(text: string): string {
  return text.replace(dangerous, (character) => (isLayout(character) ? character : braced(character)));
}

/** An XML document whose text holds nothing dangerous; it reads back as the same. */
export function escapeXml(xml: string): string {
  return xml.replace(dangerous, (character) => (isLayout(character) ? character : `&#x${hex(character)};`));
}

/** JSON whose strings hold nothing dangerous; it parses to the same value. */
export function escapeJson(json: string): string {
  return json.replace(dangerous, (character) =>
    character === "\n" ? character : character.split("").map(escapedUnit).join(""),
  );
}

function isLayout(character: string): boolean {
  return character === "\n" || character === "\t";
}

function braced(character: string): string {
  return `\\u{${hex(character)}}`;
}

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16);
}

function escapedUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
