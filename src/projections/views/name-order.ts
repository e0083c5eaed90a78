/**
 * virsh's order of names (measured, 9.0): ASCII letters of either case are alike, everything else goes by code point.
 * Names that are then the same go by code point too, where virsh leaves their order to chance.
 */
export function sortedByName<T extends { readonly name: string }>(named: Iterable<T>): T[] {
  const keyed = Array.from(named, (one) => ({ key: keyOf(one.name), one }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ one }) => one);
}

/** U+0000 is in no name, and comes before all that is. */
function keyOf(name: string): string {
  const folded = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return inCodePointOrder(`${folded}\0${name}`);
}

/** JavaScript compares UTF-16 units, where pairs of surrogates come before U+E000: this puts them behind U+FFFF. */
function inCodePointOrder(text: string): string {
  if (!/[\ud800-\uffff]/.test(text)) return text;
  return text.replace(/[\ud800-\uffff]/g, (unit) =>
    String.fromCharCode(unit.charCodeAt(0) + (unit < "\ue000" ? 0x2000 : -0x800)),
  );
}
