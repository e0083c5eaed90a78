import { invalidXml, placeAt } from "./invalid.ts";

/** The most bytes a document may have: 1 MiB. */
export const maxXmlBytes = 1024 * 1024;

/** What no XML 1.0 document may hold, neither as it is nor as a reference (XML 1.0, production 2, "Char"). */
export const notXmlCharacters = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/gu;

/**
 * Bytes to text: UTF-8 with or without a byte order mark, lines ending in "\n" (XML 1.0, section 2.11), and no character
 * that XML cannot hold. INVALID_XML otherwise: a lenient decoder would turn a damaged name into another name.
 */
export function decodeXml(bytes: Uint8Array): string {
  if (bytes.length > maxXmlBytes) {
    const hint = `At most ${maxXmlBytes} bytes are read.`;
    throw invalidXml({ line: 1, column: 1 }, `the document has ${bytes.length} bytes, which is too many`, hint);
  }
  const text = decodeUtf8(bytes);
  checkCharacters(text);
  return text;
}

/** The bytes of a document that comes as text. A lenient encoder would turn half a surrogate pair into another character. */
export function encodeXml(text: string): Uint8Array {
  checkCharacters(text);
  return new TextEncoder().encode(text);
}

function checkCharacters(text: string): void {
  const control = text.search(notXmlCharacters);
  if (control >= 0) {
    const what = `the character ${codePointName(text.codePointAt(control) ?? 0)} is not allowed in XML`;
    throw invalidXml(placeAt(text, control), what, "Remove it: XML 1.0 cannot hold it in any spelling.");
  }
}

/** `U+0001` */
export function codePointName(codePoint: number): string {
  return `U+${codePoint.toString(16).toUpperCase().padStart(4, "0")}`;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return endLines(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    const whole = new TextDecoder("utf-8", { ignoreBOM: true });
    const decoded = whole.decode(bytes.subarray(0, validPrefix(bytes)), { stream: true });
    // The first byte of a character that does not go on as it must.
    const found = (bytes[Buffer.byteLength(decoded)] ?? 0).toString(16).toUpperCase().padStart(2, "0");
    const good = endLines(decoded.replace(/^\ufeff/, ""));
    throw invalidXml(placeAt(good, good.length), `byte 0x${found} is not UTF-8`, "Save the document as UTF-8.");
  }
}

/** How many bytes go before the first one that cannot be UTF-8. Found by halving: the decoder does not say. */
function validPrefix(bytes: Uint8Array): number {
  let valid = 0;
  let invalid = bytes.length + 1;
  while (invalid - valid > 1) {
    const middle = Math.floor((valid + invalid) / 2);
    if (mayBegin(bytes.subarray(0, middle))) valid = middle;
    else invalid = middle;
  }
  return Math.min(valid, bytes.length);
}

function mayBegin(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function endLines(text: string): string {
  return text.replace(/\r\n?/g, "\n");
}
