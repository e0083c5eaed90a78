import { readFileSync } from "node:fs";
import type { Random } from "../support/random.ts";

/** Documents that are nearly what is expected: valid ones, changed where their structure is, or byte by byte. */

const fixture = (name: string) => readFileSync(new URL(`../support/fixtures/${name}`, import.meta.url), "utf8");
const domains = ["web", "legacy", "san"].map((name) => fixture(`${name}.domain.xml`));
const snapshots = [
  "<domainsnapshot/>",
  "<domainsnapshot><name>before-upgrade</name><description>why &amp; how</description></domainsnapshot>",
  `<?xml version="1.0" encoding="UTF-8"?>\n<!-- by hand -->\n<domainsnapshot>\n  <name>a</name>\n  <compression>zstd</compression>\n</domainsnapshot>\n`,
  `<domainsnapshot><name>x</name><state>running</state><parent><name>p</name></parent><memory snapshot='external' file='/m'/><disks><disk name='vda' snapshot='external'><driver type='qcow2'/><source file='/v'/></disk></disks></domainsnapshot>`,
  "<domainsnapshot><name><![CDATA[<b>]]></name><description>\u96ea &#x1F600; &#10; é</description></domainsnapshot>",
];
const small = `<domain type='kvm'><name>web</name><uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid><memory unit='MiB'>512</memory><vcpu>2</vcpu><devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/i/a.qcow2'/><target dev='vda'/></disk></devices></domain>`;
const corpus = [...Array.from({ length: 8 }, () => [...snapshots, small, small]).flat(), ...domains];

const texts = [
  ...[
    "",
    " ",
    "\n",
    "007",
    "true",
    "null",
    "__proto__",
    "constructor",
    "]]>",
    "--",
    "?>",
    "<",
    ">",
    "&",
    "'",
    '"',
    "/",
  ],
  ...[
    "&lt;",
    "&#0;",
    "&#1;",
    "&#xD800;",
    "&#x110000;",
    "&#99999999999;",
    "&#xfffe;",
    "&nbsp;",
    "&a;",
    "&amp;amp;",
    "&;",
  ],
  ...["\0", "\u0001", "\u001b[2J", "\u007f", "\u0085", "\u009b31m", "\u2028", "\u202e", "\ufeff", "\ufffe", "\uffff"],
  ...["-1", "1e9", "999999999999999999999", "0x10", "/dev/sda", "json:{}", "../..", "file:///etc/passwd", "\r\n", "\t"],
];
const names = [
  ...["name", "description", "compression", "disk", "source", "target", "driver", "memory", "vcpu", "uuid", "devices"],
  ...["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf", "length", "#text", ":@", "@_x"],
  ...[
    "a:b",
    "xml",
    "xmlns",
    "é",
    "-x",
    "1x",
    "_",
    "x.y",
    "\u96ea",
    "x\u0301",
    "domain",
    "domainsnapshot",
    "?xml",
    "!--",
  ],
];
const markup = [
  ...[
    "<!---->",
    "<!-- -- -->",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<![CDATA[]]>",
    "<?p?>",
    "<?xml version='1.0'?>",
    "<?",
  ],
  ...["<!DOCTYPE d>", "<!doctype d [", `<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>`, "<!ELEMENT a ANY>"],
  ...[`<!DOCTYPE d SYSTEM "file:///etc/passwd">`, `<!DOCTYPE d [<!ENTITY x SYSTEM "/dev/random">]>`, "%a;", "<!ENTITY"],
  ...[
    "</",
    "/>",
    "<a",
    "<a>",
    "</a>",
    "<a/>",
    "< a>",
    "<a b>",
    "<a b=>",
    "<a b=c>",
    `<a b="`,
    "<a b='>'/>",
    "<a b='1' b='2'/>",
  ],
];
const tokens = /<!--.*?-->|<!\[CDATA\[.*?\]\]>|<[^>]*>|[^<]+/gs;

export function drawnXml(drawn: Random): Uint8Array {
  const parts = drawn.one(corpus).match(tokens) ?? [];
  for (let n = drawn.below(4); n > 0; n--) change(parts, drawn);
  return encoded(parts.join(""), drawn);
}

function change(parts: string[], drawn: Random): void {
  const at = drawn.below(parts.length + 1);
  const part = parts[at] ?? "";
  switch (drawn.below(13)) {
    case 0:
      parts.splice(at, 1 + drawn.below(3));
      break;
    case 1:
      parts.splice(at, 0, part);
      break;
    case 2:
      parts.splice(at, 1, parts[drawn.below(parts.length)] ?? "");
      break;
    case 3:
      parts.splice(at, 0, ...(drawn.one(corpus).match(tokens) ?? []));
      break;
    case 4:
      parts.splice(at, 0, drawn.one(markup));
      break;
    case 5:
      parts.splice(at, 0, drawn.one(texts));
      break;
    case 6:
      parts[at] = part.replace(/^(<\/?)[^\s/>]*/, (_, start: string) => `${start}${drawn.one(names)}`);
      break;
    case 7:
      parts[at] = part.replace(/(\/?>)$/, (end) => ` ${attribute(drawn)}${end}`);
      break;
    case 8:
      parts[at] = part.replace(/(["']).*?\1/, (_, quote: string) => `${quote}${drawn.one(texts)}${quote}`);
      break;
    case 9:
      parts.splice(at, 0, nested(drawn, part));
      break;
    case 10:
      parts.splice(at, 0, repeated(drawn));
      break;
    case 11:
      parts[at] = part.slice(0, drawn.below(part.length + 1));
      break;
    default:
      parts.splice(at, 0, `<${drawn.one(names)} ${attribute(drawn)}>${drawn.one(texts)}</${drawn.one(names)}>`);
  }
}

function attribute(drawn: Random): string {
  const quote = drawn.one(["'", '"', '"', ""]);
  return `${drawn.one(names)}=${quote}${drawn.one(texts)}${quote}`;
}

function nested(drawn: Random, inside: string): string {
  const depth = drawn.one([2, 3, 5, 9, 60, 63, 64, 65]);
  const name = drawn.one(names);
  return `<${name}>`.repeat(depth) + inside + `</${name}>`.repeat(drawn.chance(80) ? depth : depth - 1);
}

/** Long, now and then very long. */
function repeated(drawn: Random): string {
  const count = drawn.below(1000) === 0 ? drawn.below(50_000) : drawn.below(40);
  const one = drawn.one([...texts, ...markup, " a='1'", "<a/>", "\n", "x", "é", "🙂"]);
  const text = one.repeat(Math.min(count, Math.ceil(200_000 / Math.max(1, one.length))));
  return drawn.chance(30) ? `<name ${drawn.one(names)}='${text}'/>` : text;
}

const newline = 10;

function encoded(text: string, drawn: Random): Uint8Array {
  if (drawn.chance(2)) return Buffer.from(`\ufeff${text}`, drawn.chance(50) ? "utf16le" : "utf8");
  const bytes = Buffer.from(text);
  if (bytes.length === 0 || !drawn.chance(25)) return bytes;
  for (let n = 1 + drawn.below(3); n > 0; n--) {
    const at = drawn.below(bytes.length);
    bytes[at] = drawn.one([0, 0x80, 0xc0, 0xed, 0xff, newline, 0x26, 0x3c, (bytes[at] ?? 0) ^ (1 << drawn.below(8))]);
  }
  return drawn.chance(10) ? bytes.subarray(0, drawn.below(bytes.length)) : bytes;
}
