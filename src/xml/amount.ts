import { invalidXml, quote } from "./invalid.ts";
import { textOf } from "./parse.ts";
import type { XmlElement } from "./parse.ts";

const powers = "kmgtpe";

/**
 * An element like <memory unit='KiB'>1048576</memory> in MiB, rounded up. Units as in libvirt: KiB when none is stated;
 * `b` and `bytes`; `K` or `KiB` is 1024, `KB` 1000, and so on to `E`; upper and lower case are alike. INVALID_XML.
 */
export function mebibytes(element: XmlElement): number {
  const unit = element.attributes.get("unit") ?? "KiB";
  const bytes = wholeNumber(element) * bytesPer(unit, element);
  const mib = Math.ceil(bytes / 1024 ** 2);
  if (!Number.isSafeInteger(bytes)) throw invalidXml(element.place, `<${element.name}> is more than can be counted`);
  return mib;
}

/** The element's text as a whole number above 0. White space around it is no part of a number (XML Schema, unsignedLong). */
export function wholeNumber(element: XmlElement): number {
  const text = textOf(element).trim();
  const number = /^\+?\d+$/.test(text) ? Number(text) : 0;
  if (number < 1 || !Number.isSafeInteger(number)) {
    throw invalidXml(element.place, `<${element.name}> is ${quote(text)}, not a whole number above 0`);
  }
  return number;
}

function bytesPer(unit: string, element: XmlElement): number {
  if (/^(b|bytes?)$/i.test(unit)) return 1;
  const [, letter, rest] = /^([kmgtpe])(i?b)?$/i.exec(unit) ?? [];
  if (letter === undefined) {
    const what = `<${element.name}> is in ${quote(unit)}, which is not a unit`;
    throw invalidXml(element.place, what, "Units: bytes, KB, KiB, MB, MiB, GB, GiB, TB, TiB.");
  }
  const power = powers.indexOf(letter.toLowerCase()) + 1;
  return (rest?.toLowerCase() === "b" ? 1000 : 1024) ** power;
}
