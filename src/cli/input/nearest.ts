/** The word that was probably meant: the one with the fewest changed letters, if those are few. */
export function nearest(typed: string, words: readonly string[]): string | undefined {
  let best: string | undefined;
  let fewest = Math.max(2, Math.floor(typed.length * 0.4)) + 1;
  for (const word of words) {
    const changes = distance(typed, word);
    if (changes < fewest) [best, fewest] = [word, changes];
  }
  return best;
}

/** Letters to insert, drop or replace to make `to` of `from` (Levenshtein). */
function distance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (above[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    above = row;
  }
  return above[to.length] ?? 0;
}
