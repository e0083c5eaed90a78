import { escapeLine } from "./escape.ts";

/** A table as virsh draws it: ` Name   State`, a rule of dashes, one line per row. Cells are escaped here. */
export function tableLines(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = [titles, ...rows].map((row) => row.map(escapeLine));
  const widths = titles.map((_, column) => cells.reduce((most, row) => Math.max(most, width(row[column] ?? "")), 0));
  const [head = "", ...lines] = cells.map((row) => line(row, widths));
  return [head, "-".repeat(widths.reduce((sum, cell) => sum + cell + 3, 0)), ...lines];
}

/** `Name:           s1`, as virsh's info verbs align them. */
export function fieldLines(fields: readonly (readonly [label: string, value: string])[], column = 16): string[] {
  return fields.map(([label, value]) => `${`${label}:`.padEnd(column)}${escapeLine(value)}`);
}

function line(row: readonly string[], widths: readonly number[]): string {
  const last = row.length - 1;
  return row
    .map((cell, column) => (column === last ? ` ${cell}` : ` ${cell}${padding(cell, widths[column] ?? 0)}  `))
    .join("");
}

function padding(cell: string, columns: number): string {
  return " ".repeat(columns - width(cell));
}

/** Columns that a line of human text takes on a terminal, escaped as it will be. */
export function columnsOf(text: string): number {
  return width(escapeLine(text));
}

/** Columns that text takes on a terminal: East Asian characters and emoji take two, marks and joiners none. */
function width(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += columnsOfOne(character);
  return columns;
}

/**
 * As wcwidth of the C library (glibc 2.36) has it, but for a dozen characters that hardly anybody uses. The patterns
 * are in here since V8 takes milliseconds to make them, and most tables do not need them.
 */
function columnsOfOne(character: string): number {
  const none = /(?![\u00ad\u0600-\u0605\u06dd\u070f])[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff\ud7b0-\ud7fb]/u;
  const wide =
    /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18d08}\u{1b000}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|(?![\u{1f1e6}-\u{1f1ff}])\p{Emoji_Presentation}/u;
  return none.test(character) ? 0 : wide.test(character) ? 2 : 1;
}
