/** Where this command line answers otherwise than virsh 9.0 on purpose. docs/reliability.md has a row for each. */
export const differences = [
  "names that are refused",
  "a stopped guest",
  "a running guest",
  "a snapshot without memory",
  "unsaved changes",
  "siblings under --topological",
  "leaves together with no-leaves",
  "names that differ in case alone",
  "deep trees",
  "what a terminal cannot show",
  "where the content is",
  "the form of dumpxml",
  "exit statuses and messages",
  "flags that only virsh has",
] as const;

/**
 * Why a name is taken by virsh's test driver alone, or null. DESIGN: names are shown, typed and told from each other for
 * good, so what a terminal hides, a shell trips over or two people would type differently is refused.
 */
export function refusedHere(name: string): string | null {
  if (name === "") return "it is empty";
  if (Buffer.byteLength(name) > 255) return "it is longer than 255 bytes";
  if (name.normalize("NFC") !== name) return "it is not in Unicode normal form C";
  if (/[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029]/u.test(name))
    return "it holds what a terminal does not show";
  if (name.includes("/") || name === "." || name === "..") return "it is a path";
  if (name.startsWith("-")) return "it looks like an option";
  if (name.trim() !== name) return "it has a space at an end";
  return null;
}
