import { SnapledgerError } from "../../errors.ts";

/**
 * The inside of a character class, for expressions with the flag `u`: all that shows as nothing or turns the direction
 * of the text around it (Unicode's Default_Ignorable_Code_Point, which a test compares it with). By numbers: asking V8
 * for `\p{…}` takes milliseconds at every start.
 */
export const invisibleCharacters = [
  String.raw`\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164`,
  String.raw`\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}`,
].join("");

/** Controls, line and paragraph separators. */
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u;
const hidden = new RegExp(`[${invisibleCharacters}]`, "u");

/** Throws INVALID_NAME unless the name can be shown, typed and told from every other. Never repairs. */
export function checkName(kind: "domain" | "snapshot", name: string): void {
  const why = whyNot(name);
  if (why === undefined) return;
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
  throw new SnapledgerError("INVALID_NAME", `The ${kind} name ${shown} ${why}.`, {
    facts: { name },
    hint: "Names have 1 to 255 bytes, no '/', no control or invisible characters, no leading '-' and no space at either end.",
  });
}

function whyNot(name: string): string | undefined {
  if (name === "") return "is empty";
  if (/[\ud800-\udfff]/u.test(name)) return "is not well-formed Unicode";
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > 255) return `has ${bytes} bytes, more than 255`;
  if (name.normalize("NFC") !== name) return "is not in Unicode normal form C";
  if (control.test(name)) return "holds a control character";
  if (hidden.test(name)) return "holds a character that cannot be seen, or that changes the direction of text";
  if (name.includes("/")) return "holds a '/'";
  if (name === "." || name === "..") return "names a folder";
  if (name.startsWith("-")) return "starts with '-'";
  if (/^\s|\s$/u.test(name)) return "starts or ends with a space";
  return undefined;
}

/** A disk target as libvirt has them, `vda`: it becomes a key in events and columns in tables. */
export function checkTarget(target: string): void {
  if (/^[a-z][a-z0-9]{0,15}$/.test(target)) return;
  throw new SnapledgerError("INVALID_NAME", `The disk target ${JSON.stringify(target)} is not like "vda".`, {
    facts: { target },
    hint: "Targets are a lower-case letter and up to 15 more letters or digits.",
  });
}
