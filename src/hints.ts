/**
 * Commands of ours stand in hints between backticks: so whoever shows a hint can tell them from the text around them,
 * and say in them which store is meant. Their words are quoted for a POSIX shell.
 */
export function ours(...words: readonly string[]): string {
  return `\`${["snapledger", ...words].map(shellWord).join(" ")}\``;
}

export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** To its closing backtick: one in quotes is a word's own. */
const command = /`snapledger((?: (?:\\'|[^\s'`\\]|'[^']*')+)+)`/g;

/** The hint for somebody who names the store on the command line, and has to do so again. */
export function onStore(hint: string, store: string | undefined): string {
  if (store === undefined) return hint;
  return hint.replace(command, (_, words: string) => `\`snapledger --store ${shellWord(store)}${words}\``);
}
