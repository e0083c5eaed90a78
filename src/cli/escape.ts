/**
 * What a terminal would act on instead of showing: C0 and C1 controls (escape sequences start with one), the
 * characters that turn the direction of text around them (Unicode UAX #9), line separators, and halves of surrogate
 * pairs. By their numbers: asking V8 for `\p{Cs}` takes milliseconds at every start.
 */
const dangerous =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]/gu;

/** One line of text, safe to print: each dangerous character becomes `\u{…}`, a newline too. */
export function escapeLine(text: string): string {
  return text.replace(dangerous, (character) => `\\u{${hex(character)}}`);
}

/** As `escapeLine`, but newlines and tabs stay: for whole documents. */
export function escapeDocument(text: string): string {
  return text.replace(dangerous, (character) => (isLayout(character) ? character : `\\u{${hex(character)}}`));
}

/** XML whose text holds nothing that a terminal would act on; it reads back as the same text. */
export function escapeXml(xml: string): string {
  return xml.replace(dangerous, (character) => (isLayout(character) ? character : `&#x${hex(character)};`));
}

function isLayout(character: string): boolean {
  return character === "\n" || character === "\t";
}

/** JSON whose strings hold nothing that a terminal would act on; it parses to the same value. */
export function escapeJson(json: string): string {
  return json.replace(dangerous, (character) =>
    character === "\n" ? character : `\\u${hex(character).padStart(4, "0")}`,
  );
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16);
}
