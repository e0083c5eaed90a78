import { invalid } from "./invalid.ts";

export type Token =
  | { readonly is: "text"; readonly value: string; readonly at: number }
  | { readonly is: "number"; readonly value: number; readonly at: number }
  | { readonly is: "word"; readonly value: string; readonly at: number }
  | { readonly is: "sign"; readonly value: string; readonly at: number }
  | { readonly is: "end"; readonly value: ""; readonly at: number };

const signs = /(==|!=|<=|>=|&&|\|\||[<>!().])/y;
const words = /[A-Za-z][A-Za-z0-9_]*/y;
const numbers = /(\d{1,15}(?:\.\d{1,6})?)(?: ?(KiB|MiB|GiB|TiB|B)\b)?/y;
const texts = /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/y;
const units: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** Longer than anything a person types: what is parsed is bounded. */
const longest = 2000;

/** Cuts a condition into words, texts in quotes, numbers and signs; `at` is where each begins, from 0. */
export function tokensOf(text: string): Token[] {
  if (text.length > longest) throw invalid(text.slice(0, 60), 0, `it is longer than ${longest} characters`);
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  while (at < text.length) {
    const space = match(/\s+/y);
    const found = space ?? match(texts) ?? match(numbers) ?? match(words) ?? match(signs);
    if (!found) throw invalid(text, at, wrongAt(text, at));
    if (!space) tokens.push(tokenOf(found, at));
    at += found[0].length;
  }
  return [...tokens, { is: "end", value: "", at }];
}

function tokenOf([whole, first, second]: RegExpExecArray, at: number): Token {
  if (whole.startsWith('"') || whole.startsWith("'")) {
    const value = (whole.startsWith('"') ? first : second) ?? "";
    return { is: "text", value: value.replace(/\\(.)/g, "$1"), at };
  }
  if (/^\d/.test(whole)) return { is: "number", value: Number(first) * (units[second ?? "B"] ?? 1), at };
  return /^[A-Za-z]/.test(whole) ? { is: "word", value: whole, at } : { is: "sign", value: whole, at };
}

function wrongAt(text: string, at: number): string {
  const character = text[at] ?? "";
  if (character === '"' || character === "'") return "the text that begins here has no end";
  if (character === "=") return "to compare is `==`";
  return `nothing begins with ${JSON.stringify(character)}`;
}
