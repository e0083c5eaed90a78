import { describe, expect, test } from "vitest";
import { childrenNamed, parseXml, textOf } from "../../../src/xml/parse.ts";
import { bytesOf } from "../../support/xml.ts";

const parse = (document: string) => parseXml(bytesOf(document));
const text = (document: string) => textOf(parse(document));

describe("a document that is read", () => {
  test("keeps its values as text: 007 is not 7 and true is not a boolean", () => {
    expect(text("<a>007</a>")).toBe("007");
    expect(text("<a>true</a>")).toBe("true");
    expect(parse("<a b='1e3' c=' x '/>").attributes).toEqual(
      new Map([
        ["b", "1e3"],
        ["c", " x "],
      ]),
    );
  });

  test("keeps white space exactly, with line ends as newlines", () => {
    expect(text("<a>  x\r\ny\rz\t </a>")).toBe("  x\ny\nz\t ");
    expect(text("<a> \n </a>")).toBe(" \n ");
  });

  test("has its references resolved once, in text and in attributes", () => {
    expect(text("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;&#13;</a>")).toBe("<>&\"'A😀\r");
    expect(text("<a>&amp;lt;</a>")).toBe("&lt;");
    expect(parse("<a b='&amp;lt;&#10;'/>").attributes.get("b")).toBe("&lt;\n");
  });

  test("has its CDATA as text, without resolving anything in it", () => {
    expect(text("<a>x<![CDATA[ <b>&lt;&who;<!-- c --> ]]>y</a>")).toBe("x <b>&lt;&who;<!-- c --> y");
    expect(text("<a><![CDATA[]]></a>")).toBe("");
  });

  test("loses comments and processing instructions, whatever they hold, and nothing around them", () => {
    expect(text("<a>x<!-- <b> & ' -->y<?p it's <b> ?>z</a>")).toBe("xyz");
    expect(text("<!-- 1 --><?p?>\n<a>x</a>\n<!-- 2 --><?p q?>\n")).toBe("x");
  });

  test("may begin with a byte order mark, a declaration, or both", () => {
    expect(text("\ufeff<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\n<a>x</a>")).toBe("x");
  });

  test("may hold a greater-than sign or a slash in an attribute", () => {
    const element = parse(`<a b="x>/" c='">'><d e="/"/></a>`);
    expect([...element.attributes.values()]).toEqual(["x>/", '">']);
    expect(childrenNamed(element, "d")[0]?.attributes.get("e")).toBe("/");
  });

  test("has its elements in order, each with the place it begins at", () => {
    const root = parse("<?xml version='1.0'?>\n<a><!-- é -->é<b/>\n  <c><b/></c><b/></a>");
    expect(childrenNamed(root, "b").map(({ place }) => place)).toEqual([
      { line: 2, column: 15 },
      { line: 3, column: 14 },
    ]);
    expect(childrenNamed(root, "c").flatMap((c) => childrenNamed(c, "b"))).toMatchObject([
      { place: { line: 3, column: 6 } },
    ]);
  });

  test("may use names that mean something to JavaScript, and they mean nothing", () => {
    const root = parse("<a __proto__='1' constructor='2'><toString>x</toString><hasOwnProperty/></a>");
    expect(root.attributes.get("__proto__")).toBe("1");
    expect(root.attributes.get("constructor")).toBe("2");
    expect(root.children).toMatchObject([{ name: "toString", children: ["x"] }, { name: "hasOwnProperty" }]);
    expect(({} as Record<string, unknown>)["1"]).toBeUndefined();
  });
});
