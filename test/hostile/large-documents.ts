import { isSnapledgerError } from "../../src/errors.ts";
import { parseXml } from "../../src/xml/parse.ts";
import { bytesOf } from "../support/xml.ts";

/** Documents as large as one may be, of one thing repeated. Run by itself: reads each, and prints what came of it. */

const most = 1024 * 1024;
const filled = (before: string, unit: string, after: string) => {
  const times = Math.floor((most - before.length - after.length) / Buffer.byteLength(unit));
  return before + unit.repeat(times) + after;
};

const documents: readonly (readonly [what: string, document: string | Buffer])[] = [
  ["elements side by side", filled("<a>", "<b/>", "</a>")],
  ["elements, nested as deep as they may be", filled("<a>", `${"<b>".repeat(60)}${"</b>".repeat(60)}`, "</a>")],
  ["attributes", filled("<a", ` b='1'`, "/>")],
  ["an attribute", filled("<a b='", "x", "'/>")],
  ["different attributes", `<a ${Array.from({ length: 60_000 }, (_, i) => `b${i}='1'`).join(" ")}/>`],
  ["references", filled("<a>", "&amp;", "</a>")],
  ["references in an attribute", filled("<a b='", "&#10;", "'/>")],
  ["ampersands that begin nothing", filled("<a>", "&", "</a>")],
  ["comments", filled("<a>", "<!---->", "</a>")],
  ["CDATA sections", filled("<a>", "<![CDATA[]]>", "</a>")],
  ["instructions", filled("<a>", "<?p?>", "</a>")],
  ["newlines", filled("<a>", "\n", "</b>")],
  ["open elements", filled("", "<a>", "")],
  ["quotes", filled("<a b=", `"'`, ">")],
  ["brackets", filled("<a>", "]", "]>")],
  ["open angles", filled("<a>", "<", "")],
  ["a name", filled("<", "x", "/>")],
  ["bytes that are no UTF-8", Buffer.alloc(most, 0xff)],
  ["entities that would grow a billionfold", `<!DOCTYPE a [${filled("", '<!ENTITY b "&a;&a;">', "")}`.slice(0, most)],
];

for (const [what, document] of documents) console.log(`${what}: ${outcomeOf(document)}`);
console.log(`${documents.length} documents`);

function outcomeOf(document: string | Buffer): string {
  try {
    parseXml(typeof document === "string" ? bytesOf(document) : document);
    return "read";
  } catch (error) {
    return isSnapledgerError(error, "INVALID_XML") ? "INVALID_XML" : String(error);
  }
}
