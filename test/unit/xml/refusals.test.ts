import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { isSnapledgerError } from "../../../src/errors.ts";
import { parseDomain } from "../../../src/xml/domain.ts";
import { parseDomainSnapshot } from "../../../src/xml/domainsnapshot.ts";
import { parseXml } from "../../../src/xml/parse.ts";
import { bytesOf, refusalOf } from "../../support/xml.ts";

const billionLaughs = `<!DOCTYPE d [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]>\n<domainsnapshot><name>&b;</name></domainsnapshot>`;
const external = `<?xml version="1.0"?>\n<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><domainsnapshot/>`;
const d = (content: string) => `<domainsnapshot>${content}</domainsnapshot>`;

/** What is wrong, the document, where it is said to be wrong, and in which words. */
const refused: readonly (readonly [string, string, number, number, RegExp])[] = [
  ["an empty file", "", 1, 1, /no element/],
  ["nothing but white space", " \n\n ", 1, 1, /no element/],
  ["nothing but a declaration", `<?xml version="1.0"?>`, 1, 1, /no element/],
  ["plain text", "hello", 1, 1, /text outside the root element/],
  ["another root", "\n  <domain/>", 2, 3, /"domain", not "domainsnapshot"/],
  ["mismatched tags", "<domainsnapshot>\n<name>x</domainsnapshot>", 2, 8, /<name> of line 2 has to be closed first/],
  ["a truncated document", "<domainsnapshot>\n <name>x</name>\n", 1, 1, /<domainsnapshot> is not closed/],
  ["a truncated tag", "<domainsnapshot>\n<name", 2, 1, /a tag is not closed/],
  ["a truncated attribute", `<domainsnapshot a="b>\n</domainsnapshot>`, 2, 1, /"<" in an attribute/],
  ["an end tag too many", "<domainsnapshot/>\n</domainsnapshot>", 2, 1, /closes nothing/],
  ["two roots", "<domainsnapshot/>\n<domainsnapshot/>", 2, 1, /second root/],
  ["text after the root", "<domainsnapshot/>\n\nx", 3, 1, /text outside the root element/],
  ["a CDATA section after the root", "<domainsnapshot/><![CDATA[x]]>", 1, 18, /CDATA section outside/],
  ["a reference after the root", "<domainsnapshot/>&#32;", 1, 18, /text outside/],
  ["an entity bomb", billionLaughs, 1, 1, /DOCTYPE is not allowed/],
  ["an external entity", external, 2, 1, /DOCTYPE is not allowed/],
  ["a DOCTYPE in lower case", "<!doctype d><domainsnapshot/>", 1, 1, /DOCTYPE is not allowed/],
  ["a DOCTYPE after the root", "<domainsnapshot/><!DOCTYPE d>", 1, 18, /DOCTYPE is not allowed/],
  ["an undefined entity", d("<name>\n&who;</name>"), 2, 1, /"&who;" is not defined/],
  ["an entity of HTML", d("<name>a&nbsp;b</name>"), 1, 24, /"&nbsp;" is not defined/],
  ["an entity in an attribute", `<domainsnapshot a="&who;"/>`, 1, 20, /"&who;" is not defined/],
  ["a bare ampersand", d("<name>a & b</name>"), 1, 25, /begins no reference/],
  ["a control character", d("<name>a\u0001</name>"), 1, 24, /U\+0001 is not allowed/],
  ["a reference to one", d("<name>a&#1;</name>"), 1, 24, /reference to U\+0001/],
  ["a reference to a surrogate", d("<name>&#xD800;</name>"), 1, 23, /reference to U\+D800/],
  ["a reference beyond Unicode", d("<name>&#x110000;</name>"), 1, 23, /reference to U\+110000/],
  ["a reference without digits", d("<name>&#x;</name>"), 1, 23, /not a character reference/],
  ["a character that is none", d("<name>\ufffe</name>"), 1, 23, /U\+FFFE is not allowed/],
  ["a less-than sign in text", d("<name>a < b</name>"), 1, 25, /begins no tag/],
  ["the end of a CDATA section in text", d("a]]>"), 1, 18, /"\]\]>" in text/],
  ["an unclosed comment", d("<!-- x"), 1, 17, /comment is not closed/],
  ["two dashes in a comment", d("<!-- x -- y -->"), 1, 24, /inside a comment/],
  ["an unclosed CDATA section", d("<![CDATA[x]]"), 1, 17, /CDATA section is not closed/],
  ["a declaration that comes late", `\n<?xml version="1.0"?><domainsnapshot/>`, 2, 1, /not at the very beginning/],
  ["another encoding", `<?xml version="1.0" encoding="latin1"?><domainsnapshot/>`, 1, 1, /"latin1" is not read/],
  ["another version", `<?xml version="1.1"?><domainsnapshot/>`, 1, 1, /"1.1" is not read/],
  ["an attribute twice", `<domainsnapshot a="1"\na="2"/>`, 2, 1, /'a' is repeated/],
  ["an attribute without quotes", "<domainsnapshot a=1/>", 1, 17, /'a' is without value/],
  ["an attribute without value", "<domainsnapshot a/>", 1, 17, /'a' is not allowed/],
  ["a tag that is no name", "<domainsnapshot><1/></domainsnapshot>", 1, 17, /"1" is not a name/],
  ["a tag named __proto__", d("<__proto__/>"), 1, 17, /may not be called "__proto__"/],
  ["a tag named constructor", d("<constructor/>"), 1, 17, /may not be called "constructor"/],
  ["a name twice", d("<name>a</name><name>b</name>"), 1, 31, /<name> is repeated in <domainsnapshot>/],
  ["a description twice", d("<description/>\n<description/>"), 2, 1, /<description> is repeated/],
  ["an element in a name", d("<name>a<name>b</name></name>"), 1, 24, /<name> holds <name>/],
  ["an element in a compression", d("<compression><b/></compression>"), 1, 30, /<compression> holds <b>/],
];

describe("a document is refused with line and column", () => {
  test.each(refused)("for %s", (_, document, line, column, words) => {
    const error = refusalOf(() => parseDomainSnapshot(bytesOf(document)));
    expect(error.code).toBe("INVALID_XML");
    expect(error.message).toMatch(words);
    expect(error.message).toContain(`Line ${line}, column ${column}: `);
    expect(error.facts).toEqual({ line, column });
    expect(error.hint).toBeTruthy();
  });

  test("for bytes that are not UTF-8, counting characters and not bytes", () => {
    const bytes = Uint8Array.from([...bytesOf("<domainsnapshot>\r\n<name>é𝒳"), 0xff, 0xfe, ...bytesOf("</name>")]);
    const error = refusalOf(() => parseDomainSnapshot(bytes));
    expect(error.code).toBe("INVALID_XML");
    expect(error.message).toBe("Line 2, column 9: byte 0xFF is not UTF-8.");
  });

  test.each([
    ["of another encoding", "caf\xe9 noir", "Line 1, column 4: byte 0xE9 is not UTF-8."],
    ["that begin a character and do not go on", "\xef\xbb\xbfa\xe2\x82<", "Line 1, column 2: byte 0xE2 is not UTF-8."],
  ])("for bytes %s, naming the first of them", (_, text, message) => {
    expect(refusalOf(() => parseXml(Buffer.from(text, "latin1"))).message).toBe(message);
  });

  test("for UTF-8 that is cut short in the middle of a character", () => {
    const bytes = bytesOf("<domainsnapshot/>é").slice(0, -1);
    expect(refusalOf(() => parseXml(bytes)).message).toBe("Line 1, column 18: byte 0xC3 is not UTF-8.");
  });

  test("for UTF-16", () => {
    const error = refusalOf(() => parseXml(Uint8Array.of(0xff, 0xfe, 0x3c, 0x00)));
    expect(error.message).toBe("Line 1, column 1: byte 0xFF is not UTF-8.");
  });

  test("for the line of an old Mac or Windows file as well", () => {
    const error = refusalOf(() => parseXml(bytesOf("<a>\r\r\n <b>\n</a>")));
    expect(error.facts).toEqual({ line: 4, column: 1 });
  });
});

describe("a document has limits", () => {
  test("1 MiB is read and one byte more is not", () => {
    const filled = (bytes: number) => bytesOf(`<a>${" ".repeat(bytes - 7)}</a>`);
    expect(parseXml(filled(1024 * 1024)).name).toBe("a");
    expect(refusalOf(() => parseXml(filled(1024 * 1024 + 1))).code).toBe("INVALID_XML");
  });

  test("64 elements deep is read and 65 is not", () => {
    const nested = (depth: number) => bytesOf("<a>".repeat(depth) + "</a>".repeat(depth));
    expect(parseXml(nested(64)).name).toBe("a");
    const error = refusalOf(() => parseXml(nested(65)));
    expect(error.message).toBe("Line 1, column 193: elements are nested deeper than 64.");
  });

  test("a message stays short however long the name in it is", () => {
    const error = refusalOf(() => parseXml(bytesOf(`<a></${"b".repeat(500_000)}>`)));
    expect(error.message.length).toBeLessThan(200);
  });
});

describe("whatever the bytes, the answer is a result or INVALID_XML", () => {
  const piece = fc.constantFrom(
    ...[
      "<domainsnapshot>",
      "</domainsnapshot>",
      "<name>",
      "</name>",
      "<name/>",
      "<a b='",
      'c"',
      "'/>",
      ">",
      "<",
      "&amp;",
    ],
    ...["&#", "&", ";", "<!--", "-->", "<![CDATA[", "]]>", "<?x ", "?>", "<!DOCTYPE", "\u0000", "é", " ", "\r\n", "="],
    ...["<toString/>", "<hasOwnProperty>", "__proto__='1'", "#text", ":@", "/"],
  );
  const soup = fc.array(piece, { maxLength: 40 }).map((pieces) => bytesOf(pieces.join("")));
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), soup, fc.string().map(bytesOf));

  property.prop([bytes], { numRuns: 2000 })("for a snapshot's XML and for a domain's", (input) => {
    for (const parse of [parseXml, parseDomainSnapshot, parseDomain]) {
      try {
        parse(input);
      } catch (error) {
        expect(isSnapledgerError(error, "INVALID_XML"), String(error)).toBe(true);
      }
    }
  });
});
