import { XMLParser, XMLValidator } from "fast-xml-parser";
import { decodeXml } from "./decode.ts";
import { invalidXml, placesInOrder, shorten } from "./invalid.ts";
import type { Place } from "./invalid.ts";
import { readStructure } from "./structure.ts";

/** One element. Names come from the document, so attributes are a Map and children a list: no name can be special. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** Elements and text in document order; text exactly as written, references resolved. */
  readonly children: readonly (XmlElement | string)[];
  /** Where its start tag begins. */
  readonly place: Place;
}

/** Values stay text (`007` is not 7), attributes are kept, white space is kept; order tells children apart. */
const parser = new XMLParser({
  preserveOrder: true,
  parseTagValue: false,
  parseAttributeValue: false,
  ignoreAttributes: false,
  attributeNamePrefix: "@_",
  trimValues: false,
  htmlEntities: true,
  // Without a DOCTYPE nothing can grow: a reference is always longer than its character.
  processEntities: { enabled: true, maxTotalExpansions: Infinity, maxExpandedLength: Infinity },
});

/**
 * Bytes (UTF-8, at most 1 MiB, at most 64 deep) to the root element. Everything that is not one well-formed XML 1.0
 * document without a DOCTYPE is INVALID_XML, naming line and column.
 */
export function parseXml(bytes: Uint8Array): XmlElement {
  const text = decodeXml(bytes);
  const { content, starts } = readStructure(text);
  validateNames(text);
  const place = placesInOrder(text);
  const tags = starts.map(({ name, at }) => ({ name, place: place(at) }));
  const next = tags.values();
  const elements = readNodes(content).flatMap((node) => build(node, next));
  const root = elements.find((element) => typeof element !== "string");
  // Checked on the way in and again here: both readers must have seen the same elements.
  if (root === undefined || next.next().done !== true) throw invalidXml({ line: 1, column: 1 }, "ambiguous markup");
  return root;
}

/** Child elements of this name, in document order. */
export function childrenNamed(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((child): child is XmlElement => typeof child !== "string" && child.name === name);
}

/** The only child of this name, or undefined; INVALID_XML if there are two: no reader may choose between them. */
export function onlyChild(element: XmlElement, name: string): XmlElement | undefined {
  const [first, second] = childrenNamed(element, name);
  if (second !== undefined) throw invalidXml(second.place, `<${name}> is repeated in <${element.name}>`);
  return first;
}

/** The element's text, exactly; INVALID_XML if it holds elements. */
export function textOf(element: XmlElement): string {
  const texts = element.children.map((child) => {
    if (typeof child === "string") return child;
    throw invalidXml(child.place, `<${element.name}> holds <${shorten(child.name)}>, not only text`);
  });
  return texts.join("");
}

/** What XMLValidator adds to the walk over the markup: names, and attributes that are malformed or repeated. */
function validateNames(text: string): void {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- what replaces it is another package
  const verdict = XMLValidator.validate(text);
  if (verdict === true) return;
  const { line, col, msg } = verdict.err;
  const before = (text.split("\n")[line - 1] ?? "").slice(0, Math.max(0, (col || 1) - 1));
  throw invalidXml({ line, column: Array.from(before).length + 1 }, shorten(msg.replace(/\.$/, "")));
}

/** What the parser yields with preserveOrder: one key is the tag, or `#text`; `:@` holds the attributes. */
type Node = Readonly<Record<string, unknown>>;

function readNodes(content: string): readonly Node[] {
  try {
    return parser.parse(content) as readonly Node[];
  } catch (cause) {
    throw invalidXml({ line: 1, column: 1 }, cause instanceof Error ? shorten(cause.message) : "unreadable markup");
  }
}

/** Each element takes the next start tag's name and place, in document order. */
function build(node: Node, next: Iterator<{ name: string; place: Place }>): (XmlElement | string)[] {
  const key = Object.keys(node).find((name) => name !== ":@") ?? "";
  const value = node[key];
  if (key === "#text") return [String(value)];
  const tag = next.next();
  if (tag.done === true || !Array.isArray(value)) return [];
  const children = (value as Node[]).flatMap((child) => build(child, next));
  return [{ ...tag.value, attributes: attributesOf(node), children }];
}

function attributesOf(node: Node): ReadonlyMap<string, string> {
  const attributes = (node[":@"] ?? {}) as Record<string, string>;
  return new Map(Object.entries(attributes).map(([name, value]) => [name.slice(2), value]));
}
