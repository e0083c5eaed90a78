import { SnapledgerError } from "../errors.ts";

/** Where in a document: both count from 1; a column is one character (code point), not one byte. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** The place of UTF-16 index `at` in a text whose lines end in "\n". */
export function placeAt(text: string, at: number): Place {
  const before = text.slice(0, at);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: Array.from(before.slice(lineStart)).length + 1 };
}

/** INVALID_XML. `what` is a clause without a full stop; facts hold the line and the column. */
export function invalidXml(place: Place, what: string, hint = "Correct the XML there and try again."): SnapledgerError {
  const { line, column } = place;
  return new SnapledgerError("INVALID_XML", `Line ${line}, column ${column}: ${what}.`, {
    facts: { line, column },
    hint,
  });
}

/** Like placeAt, for indexes that never go back: each part of the text is looked at once. */
export function placesInOrder(text: string): (at: number) => Place {
  let [done, line, column] = [0, 1, 1];
  return (at) => {
    for (const character of text.slice(done, at)) {
      [line, column] = character === "\n" ? [line + 1, 1] : [line, column + 1];
    }
    done = at;
    return { line, column };
  };
}

/** A piece of the document, cut short for a message: a name may be a megabyte long. */
export function shorten(text: string): string {
  const characters = Array.from(text.slice(0, 200));
  return text.length <= 60 ? text : `${characters.slice(0, 60).join("")}…`;
}

export function quote(text: string): string {
  return `"${shorten(text)}"`;
}
