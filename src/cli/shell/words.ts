import { SnapledgerError } from "../../errors.ts";

/**
 * Splits a line into words as a POSIX shell does (XCU 2.2, Quoting): single and double quotes, backslash, `#` begins a
 * comment. And no more: nothing is expanded, no file name is completed, nothing is run. What a shell would take for an
 * operator has to be quoted, so that a line pasted from elsewhere never means less than it says.
 */
export interface Words {
  readonly words: readonly Word[];
  /** What is not finished at the end: a quote, or a backslash before the newline that is still to come. */
  readonly open: { readonly what: "'" | '"' | "\\"; readonly at: number } | null;
  /** The first operator that is not quoted. */
  readonly operator: { readonly what: string; readonly at: number } | null;
}

export interface Word {
  readonly value: string;
  /** Where it begins in the line, and where it ends: counted in UTF-16 units from 0. */
  readonly start: number;
  readonly end: number;
}

const operators = "|&;<>()";
/** What a backslash in double quotes makes plain; before anything else it stands for itself. */
const plainInQuotes = '$`"\\';

/** For lines that are still being typed, too: the last word may be half of one. */
export function scanWords(text: string): Words {
  const words: Word[] = [];
  let open: Words["open"] = null;
  let operator: Words["operator"] = null;
  let word: { value: string; start: number } | undefined;
  let i = 0;
  const add = (value: string) => (word = { value: (word?.value ?? "") + value, start: word?.start ?? i });
  const end = () => {
    if (word) words.push({ ...word, end: i });
    word = undefined;
  };
  for (; i < text.length; i++) {
    const character = text.charAt(i);
    if (" \t\n".includes(character)) end();
    else if (character === "#" && !word) {
      const newline = text.indexOf("\n", i);
      i = newline < 0 ? text.length : newline;
    } else if (operators.includes(character)) {
      end();
      operator ??= { what: character, at: i };
    } else if (character === "\\") {
      const next = text.charAt(i + 1);
      if (next === "") open = { what: "\\", at: i };
      if (next !== "\n") add(next);
      i++;
    } else if (character === "'" || character === '"') {
      const quoted = scanQuoted(text, i);
      add(quoted.value);
      if (quoted.end === undefined) open = { what: character, at: i };
      i = quoted.end ?? text.length;
    } else add(character);
  }
  i = text.length;
  end();
  return { words, open, operator };
}

/** What is in the quotes that begin at `from`, and where they end; `end` undefined: they do not. */
function scanQuoted(text: string, from: number): { readonly value: string; readonly end: number | undefined } {
  const quote = text.charAt(from);
  let value = "";
  for (let i = from + 1; i < text.length; i++) {
    const character = text.charAt(i);
    if (character === quote) return { value, end: i };
    const next = text.charAt(i + 1);
    if (quote === '"' && character === "\\" && next !== "" && (next === "\n" || plainInQuotes.includes(next))) {
      if (next !== "\n") value += next;
      i++;
    } else value += character;
  }
  return { value, end: undefined };
}

/** The words of a whole command. USAGE tells the column of what is not finished, or has to be quoted. */
export function splitWords(text: string): string[] {
  const { words, open, operator } = scanWords(text);
  if (operator) {
    const message = `At ${placeOf(text, operator.at)}: ${operator.what} is no part of a command here.`;
    throw wrong(
      message,
      operator.at,
      `Quote it to pass it on: '${operator.what}'. A line is one command, and no shell sees it.`,
    );
  }
  if (open) {
    const what = open.what === "\\" ? "backslash" : open.what === "'" ? "single quote" : "double quote";
    const hint =
      open.what === "\\" ? "Something has to follow it." : "Close it, or put a backslash before it to pass it on.";
    throw wrong(`The ${what} at ${placeOf(text, open.at)} is not finished.`, open.at, hint);
  }
  return words.map(({ value }) => value);
}

function wrong(message: string, at: number, hint: string): SnapledgerError {
  return new SnapledgerError("USAGE", message, { facts: { at }, hint });
}

/** Columns count from 1; with the line when there are several. */
function placeOf(text: string, at: number): string {
  const lines = text.slice(0, at).split("\n");
  const column = `column ${(lines.at(-1) ?? "").length + 1}`;
  return text.includes("\n") ? `line ${lines.length}, ${column}` : column;
}
