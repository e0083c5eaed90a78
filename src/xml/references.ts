import { codePointName, notXmlCharacters } from "./decode.ts";
import { invalidXml, placeAt, quote } from "./invalid.ts";

const known = new Set(["amp", "lt", "gt", "quot", "apos"]);

/**
 * Every `&` between `from` and `to` begins one of XML's five entities or a reference to a character that XML can hold.
 * fast-xml-parser drops `&#1;` silently, keeps `&undefined;` as it is, and with htmlEntities reads `&nbsp;`: measured.
 */
export function checkReferences(text: string, from: number, to: number): void {
  for (const { index } of text.slice(from, to).matchAll(/&/g)) {
    const at = from + index;
    const reference = /^&(#?[^\s&;<>"']{1,32});/.exec(text.slice(at, at + 40))?.[1];
    if (reference === undefined) {
      throw invalidXml(placeAt(text, at), "an ampersand that begins no reference", "Write a plain ampersand as &amp;.");
    }
    if (reference.startsWith("#")) checkCharacter(text, at, reference);
    else if (!known.has(reference)) {
      const hint = "XML itself knows only &amp; &lt; &gt; &quot; and &apos;.";
      throw invalidXml(placeAt(text, at), `the entity ${quote(`&${reference};`)} is not defined`, hint);
    }
  }
}

function checkCharacter(text: string, at: number, reference: string): void {
  const digits = /^#(?:(\d{1,10})|x([\da-fA-F]{1,8}))$/.exec(reference);
  const codePoint = Number.parseInt(digits?.[1] ?? digits?.[2] ?? "", digits?.[1] === undefined ? 16 : 10);
  if (digits === null) throw invalidXml(placeAt(text, at), `${quote(`&${reference};`)} is not a character reference`);
  const character = codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : "";
  if (character === "" || character.search(notXmlCharacters) >= 0) {
    const what = `a reference to ${codePointName(codePoint)}, which is not allowed in XML`;
    throw invalidXml(placeAt(text, at), what, "Remove it: XML 1.0 cannot hold it in any spelling.");
  }
}
