import { notXmlCharacters } from "./decode.ts";

/** An element to write. Names are constants of the caller's code, never data. */
export interface Tag {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly content: string | readonly Tag[];
}

export function tag(name: string, content: string | readonly Tag[], attributes: Record<string, string> = {}): Tag {
  return { name, attributes, content };
}

/** The document, indented by two spaces, with a newline at its end. Text is kept exactly; only elements are indented. */
export function writeXml(root: Tag): string {
  return `${lines(root, "").join("\n")}\n`;
}

function lines({ name, attributes, content }: Tag, indent: string): string[] {
  const start = [name, ...Object.entries(attributes).map(([key, value]) => `${key}="${escapeAttribute(value)}"`)].join(
    " ",
  );
  if (content.length === 0) return [`${indent}<${start}/>`];
  if (typeof content === "string") return [`${indent}<${start}>${escapeXml(content)}</${name}>`];
  return [`${indent}<${start}>`, ...content.flatMap((child) => lines(child, `${indent}  `)), `${indent}</${name}>`];
}

const references: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/**
 * A carriage return would be read back as a newline, so it goes as a reference. What XML cannot hold in any spelling
 * shows as U+FFFD, and the document stays readable.
 */
function escapeXml(text: string): string {
  return text
    .replace(notXmlCharacters, "\ufffd")
    .replace(/[&<>"]/g, (character) => references[character] ?? character)
    .replace(/\r/g, "&#13;");
}

/** In an attribute a newline or a tab would be read back as a space. */
function escapeAttribute(text: string): string {
  return escapeXml(text).replace(/\n/g, "&#10;").replace(/\t/g, "&#9;");
}
