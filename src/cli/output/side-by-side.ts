import { columnsOf } from "./table.ts";

/** Two drawings beside each other, each under its title. */
export function sideBySide(
  [leftTitle, left]: readonly [title: string, lines: readonly string[]],
  [rightTitle, right]: readonly [title: string, lines: readonly string[]],
): string[] {
  const lefts = [leftTitle, ...left];
  const rights = [rightTitle, ...right];
  const width = lefts.reduce((most, line) => Math.max(most, columnsOf(line)), 0);
  return Array.from({ length: Math.max(lefts.length, rights.length) }, (_, i) => {
    const line = lefts[i] ?? "";
    return `${line}${" ".repeat(width - columnsOf(line))}  |  ${rights[i] ?? ""}`.trimEnd();
  });
}
