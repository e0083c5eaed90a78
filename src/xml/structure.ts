import { checkReferences } from "./references.ts";
import { invalidXml, placeAt, quote, shorten } from "./invalid.ts";

/** How deep elements may be nested. */
export const maxXmlDepth = 64;

/** A start tag, or an empty element's tag. */
export interface StartTag {
  readonly name: string;
  /** UTF-16 index of its `<`. */
  readonly at: number;
}

export interface Structure {
  /** The document without its declaration, comments and processing instructions: what is left to parse. */
  readonly content: string;
  /** In document order. */
  readonly starts: readonly StartTag[];
}

interface Walk {
  readonly text: string;
  readonly starts: StartTag[];
  readonly open: StartTag[];
  readonly kept: string[];
}

/**
 * Walks a document's markup once and refuses what fast-xml-parser lets pass (measured): a DOCTYPE, two roots, text or
 * a CDATA section beside the root, unclosed tags and comments, references to nothing. INVALID_XML, with the place.
 */
export function readStructure(text: string): Structure {
  const walk: Walk = { text, starts: [], open: [], kept: [] };
  let at = skipDeclaration(text);
  while (at < text.length) at = text[at] === "<" ? readMarkup(walk, at) : readText(walk, at);
  const unclosed = walk.open.at(-1);
  if (unclosed !== undefined) throw invalidXml(placeAt(text, unclosed.at), `<${shorten(unclosed.name)}> is not closed`);
  if (walk.starts.length === 0) throw invalidXml(placeAt(text, 0), "the document has no element");
  return { content: walk.kept.join(""), starts: walk.starts };
}

/** Only version 1.0 and UTF-8 are read, so a document that says otherwise would be misread. */
function skipDeclaration(text: string): number {
  if (!/^<\?xml[\s?]/.test(text)) return 0;
  const end = text.indexOf("?>");
  const attribute = (name: string) => `\\s+${name}\\s*=\\s*(?:"([\\w.-]+)"|'([\\w.-]+)')`;
  const whole = new RegExp(
    `^<\\?xml${attribute("version")}(?:${attribute("encoding")})?(?:${attribute("standalone")})?\\s*$`,
  );
  const parts = end < 0 ? null : whole.exec(text.slice(0, end));
  if (parts === null) throw invalidXml(placeAt(text, 0), "the XML declaration is malformed");
  const version = parts[1] ?? parts[2] ?? "";
  const encoding = parts[3] ?? parts[4] ?? "UTF-8";
  if (version !== "1.0") throw invalidXml(placeAt(text, 0), `XML version ${quote(version)} is not read, only 1.0`);
  if (!/^(utf-8|us-ascii)$/i.test(encoding)) {
    throw invalidXml(placeAt(text, 0), `encoding ${quote(encoding)} is not read`, "Save the document as UTF-8.");
  }
  return end + 2;
}

function readText({ text, open, kept }: Walk, at: number): number {
  const next = text.indexOf("<", at);
  const end = next < 0 ? text.length : next;
  const run = text.slice(at, end);
  if (open.length === 0) {
    const stray = run.search(/[^ \t\n]/);
    if (stray >= 0) throw invalidXml(placeAt(text, at + stray), "text outside the root element");
  }
  const bracket = run.indexOf("]]>");
  if (bracket >= 0) throw invalidXml(placeAt(text, at + bracket), '"]]>" in text', "Write it as ]]&gt;.");
  checkReferences(text, at, end);
  kept.push(run);
  return end;
}

function readMarkup(walk: Walk, at: number): number {
  const { text, open, kept } = walk;
  if (text.startsWith("<!--", at)) return readComment(text, at);
  if (text.startsWith("<?", at)) return readInstruction(text, at);
  if (text.startsWith("</", at)) return readEndTag(walk, at);
  if (text.startsWith("<![CDATA[", at)) {
    if (open.length === 0) throw invalidXml(placeAt(text, at), "a CDATA section outside the root element");
    const end = closing(text, at, at + 9, "]]>", "a CDATA section");
    kept.push(text.slice(at, end));
    return end;
  }
  if (/^<!doctype/i.test(text.slice(at, at + 9))) {
    throw invalidXml(placeAt(text, at), "a DOCTYPE is not allowed", "Remove it: no document type is needed here.");
  }
  if (text.startsWith("<!", at)) throw invalidXml(placeAt(text, at), "unknown markup");
  return readStartTag(walk, at);
}

function readComment(text: string, at: number): number {
  const dashes = text.indexOf("--", at + 4);
  if (dashes >= 0 && text[dashes + 2] !== ">") throw invalidXml(placeAt(text, dashes), '"--" inside a comment');
  return closing(text, at, at + 4, "-->", "a comment");
}

function readInstruction(text: string, at: number): number {
  const end = closing(text, at, at + 2, "?>", "a processing instruction");
  const target = /^<\?([^\s?]*)/.exec(text.slice(at, Math.min(end, at + 80)))?.[1] ?? "";
  if (target.toLowerCase() === "xml") {
    throw invalidXml(placeAt(text, at), "an XML declaration that is not at the very beginning");
  }
  if (target === "") throw invalidXml(placeAt(text, at), "a processing instruction without a name");
  return end;
}

function readEndTag({ text, open, kept }: Walk, at: number): number {
  const end = closing(text, at, at + 2, ">", "an end tag");
  const name = text.slice(at + 2, end - 1).replace(/[ \t\n]+$/, "");
  const opened = open.pop();
  if (opened === undefined) throw invalidXml(placeAt(text, at), `</${shorten(name)}> closes nothing`);
  if (opened.name !== name) {
    const { line } = placeAt(text, opened.at);
    const what = `</${shorten(name)}> where <${shorten(opened.name)}> of line ${line} has to be closed first`;
    throw invalidXml(placeAt(text, at), what);
  }
  kept.push(text.slice(at, end));
  return end;
}

/** Attributes are XMLValidator's to check; it checks names too, but points behind them. */
function readStartTag({ text, starts, open, kept }: Walk, at: number): number {
  if (/[\s<>/=]/.test(text[at + 1] ?? "<")) {
    throw invalidXml(placeAt(text, at), '"<" begins no tag', "Write a plain less-than sign as &lt;.");
  }
  const end = tagEnd(text, at);
  const body = text.slice(at + 1, end - 1);
  const name = /^[^ \t\n/]*/.exec(body)?.[0] ?? "";
  const tag = { name, at };
  if (!/^[\p{L}_:][\p{L}\p{N}\p{M}_:.\u00b7-]*$/u.test(name)) {
    throw invalidXml(placeAt(text, at), `${quote(name)} is not a name that an element can have`);
  }
  if (["__proto__", "constructor", "prototype"].includes(name)) {
    throw invalidXml(placeAt(text, at), `an element may not be called ${quote(name)}`);
  }
  if (open.length === 0 && starts.length > 0) {
    throw invalidXml(placeAt(text, at), `<${shorten(name)}> is a second root element`);
  }
  if (open.length >= maxXmlDepth) {
    throw invalidXml(placeAt(text, at), `elements are nested deeper than ${maxXmlDepth}`);
  }
  checkReferences(text, at, end);
  starts.push(tag);
  if (!body.endsWith("/")) open.push(tag);
  kept.push(text.slice(at, end));
  return end;
}

/** The index after the `>` that ends the tag: not one inside quotes. */
function tagEnd(text: string, at: number): number {
  const interesting = /["'<>]/g;
  interesting.lastIndex = at + 1;
  for (let found = interesting.exec(text); found !== null; found = interesting.exec(text)) {
    if (found[0] === ">") return found.index + 1;
    if (found[0] === "<") break;
    const close = text.indexOf(found[0], found.index + 1);
    const less = text.slice(found.index, close < 0 ? undefined : close).indexOf("<");
    if (less >= 0) throw invalidXml(placeAt(text, found.index + less), '"<" in an attribute', "Write it as &lt;.");
    if (close < 0) break;
    interesting.lastIndex = close + 1;
  }
  throw invalidXml(placeAt(text, at), "a tag is not closed");
}

function closing(text: string, at: number, from: number, mark: string, what: string): number {
  const found = text.indexOf(mark, from);
  if (found < 0) throw invalidXml(placeAt(text, at), `${what} is not closed`);
  return found + mark.length;
}
