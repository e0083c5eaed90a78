import { isRed, type Bound, type Judged } from "./judge.ts";

/** The table, for people at a terminal and for the docs. */

const titles = ["id", "what", "ours", "control", "", "ratio", "± noise", "bound", "verdict"] as const;

function cells(row: Judged): string[] {
  const { id, what, control, unit, ours, controls, ratio, noise, bound, verdict, missing } = row;
  if (missing !== undefined) return [id, what, "", missing, "", "", "", boundText(bound), verdict];
  const figures = [`${number(ours)} ${unit}`, control, `${number(controls)} ${unit}`];
  return [id, what, ...figures, number(ratio), number(noise), boundText(bound), verdict];
}

function boundText({ min, max }: Bound): string {
  return [...(min === undefined ? [] : [`≥ ${min}`]), ...(max === undefined ? [] : [`≤ ${max}`])].join(", ");
}

/** Three digits that mean something; whole from a hundred on. */
function number(value: number): string {
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toPrecision(value === 0 || Math.abs(value) >= 0.1 ? 3 : 2);
}

export function table(rows: readonly Judged[]): string {
  const lines = [titles, ...rows.map(cells)];
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const padded = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return [...padded, "", ...reds(rows)].join("\n");
}

export function markdown(rows: readonly Judged[]): string {
  const line = (row: readonly string[]) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(titles), line(titles.map(() => "---")), ...rows.map((row) => line(cells(row)))].join("\n");
}

/** Wider than this part of the ratio, the noise hides whatever there is to see. */
const muchNoise = 0.25;

/** What is red, and what its bound says about that. */
function reds(rows: readonly Judged[]): string[] {
  const red = rows.filter(({ verdict }) => isRed(verdict));
  const noisy = rows.filter(({ ratio, noise }) => noise > muchNoise * ratio).map(({ id }) => id);
  const warning = noisy.length === 0 ? [] : [`Too noisy to say much: ${noisy.join(", ")}.`];
  if (red.length === 0) return [...warning, "No bound is missed by more than the noise."];
  return [
    ...warning,
    `${red.length} red:`,
    ...red.map(({ id, verdict, bound }) => `  ${id}: ${verdict}. ${bound.why}`),
  ];
}
