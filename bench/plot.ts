import type { Curve, Series } from "./row.ts";

/**
 * Curves as SVG with logarithmic axes, and below them where and how they were measured. Colours follow the reader's light or dark setting. The series' names stand at the
 * right ends of their lines, which are told apart by dashes, too.
 */
export function drawn({ title, x, y, series }: Curve, note: string): string {
  const points = series.flatMap((one) => one.points);
  const across = axis(
    points.map(([value]) => value),
    left,
    right,
  );
  const up = axis(
    points.map(([, value]) => value),
    bottom,
    top,
  );
  const ends = apart(series.map((one) => up.place(one.points.at(-1)?.[1] ?? 1)));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${style}</style>`,
    `<text class="title" x="${left}" y="22">${escaped(title)}</text>`,
    ...across.ticks.map((value) => tick(across.place(value), bottom, value, "x")),
    ...up.ticks.map((value) => tick(left, up.place(value), value, "y")),
    `<text x="${(left + right) / 2}" y="${bottom + 40}" text-anchor="middle">${escaped(x)}</text>`,
    `<text transform="translate(16 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>`,
    `<text class="note" x="${left}" y="${height - 8}">${escaped(note)}</text>`,
    ...series.map((one, i) => line(one, i, across.place, up.place, ends[i] ?? 0)),
    "</svg>",
  ].join("\n")}\n`;
}

const [width, height] = [840, 420];
const [left, right, top, bottom] = [80, 540, 40, 340];
const dashes = ["", "7 4", "2 4", "10 3 2 3"];

const style = [
  "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:15px}.note{font-size:10px}",
  "path{fill:none;stroke-width:2}.grid{stroke:#d0d7de;stroke-width:1}",
  ".s0{stroke:#0969da}.s1{stroke:#bc4c00}.s2{stroke:#1a7f37}.s3{stroke:#8250df}",
  ".f0{fill:#0969da}.f1{fill:#bc4c00}.f2{fill:#1a7f37}.f3{fill:#8250df}",
  "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#30363d}",
  ".s0{stroke:#58a6ff}.s1{stroke:#f0883e}.s2{stroke:#3fb950}.s3{stroke:#bc8cff}",
  ".f0{fill:#58a6ff}.f1{fill:#f0883e}.f2{fill:#3fb950}.f3{fill:#bc8cff}}",
].join("");

interface Axis {
  readonly ticks: readonly number[];
  readonly place: (value: number) => number;
}

/** From the power of ten below the least to the one above the greatest. */
function axis(values: readonly number[], from: number, to: number): Axis {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  return { ticks, place: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from) };
}

function tick(x: number, y: number, value: number, of: "x" | "y"): string {
  const text = value >= 1 ? value.toLocaleString("en") : String(value);
  const grid = of === "x" ? `M${round(x)} ${top}V${bottom}` : `M${left} ${round(y)}H${right}`;
  const place =
    of === "x"
      ? `x="${round(x)}" y="${bottom + 18}" text-anchor="middle"`
      : `x="${left - 8}" y="${round(y + 4)}" text-anchor="end"`;
  return `<path class="grid" d="${grid}"/><text ${place}>${text}</text>`;
}

function line({ name, points }: Series, i: number, x: Axis["place"], y: Axis["place"], end: number): string {
  const path = points.map(([a, b]) => `${round(x(a))} ${round(y(b))}`).join("L");
  const dots = points.map(([a, b]) => `<circle class="f${i}" cx="${round(x(a))}" cy="${round(y(b))}" r="3"/>`).join("");
  const dash = dashes[i] ? ` stroke-dasharray="${dashes[i]}"` : "";
  return `<path class="s${i}"${dash} d="M${path}"/>${dots}<text class="f${i}" x="${right + 10}" y="${round(end + 4)}">${escaped(name)}</text>`;
}

/** Places, moved down until none is nearer to another than a line of text is high. */
function apart(places: readonly number[]): number[] {
  const moved = [...places];
  const order = places.map((_, i) => i).sort((a, b) => (places[a] ?? 0) - (places[b] ?? 0));
  for (const [n, i] of order.entries()) {
    const above = n === 0 ? -Infinity : (moved[order[n - 1] ?? 0] ?? 0);
    moved[i] = Math.max(moved[i] ?? 0, above + 16);
  }
  return moved;
}

const round = (value: number): string => value.toFixed(1);

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
