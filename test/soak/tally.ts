import type { Played } from "./round.ts";
import { victims } from "./watching.ts";

/** What was killed where, over all rounds. */
export class Tally {
  readonly #played: Played[] = [];

  add(played: Played): void {
    this.#played.push(played);
  }

  told(): string {
    const hits = this.#played.flatMap((played) => played.hits);
    const inside = hits.filter(({ delayMs }) => delayMs !== null);
    const before = hits.filter(({ delayMs }) => delayMs === null);
    const sum = (of: (played: Played) => number) => this.#played.reduce((all, played) => all + of(played), 0);
    return [
      "",
      ...table("killed in", inside, delaysOf),
      "",
      ...table("killed before the call", before, (here) => `${new Set(here.map(callOf)).size} different ones`),
      "",
      `${hits.length} kills hit (${hits.filter(({ recovering }) => recovering).length} of them a recovery), ${sum(({ missed }) => missed)} came too late`,
      `${sum(({ before }) => before)} commands were undone, ${sum(({ after }) => after)} were done`,
      `${sum(({ acknowledged }) => acknowledged)} acknowledged records looked for, ${sum(({ read }) => read)} contents read whole`,
    ].join("\n");
  }
}

type Hits = Played["hits"];

function table(title: string, hits: Hits, more: (hits: Hits) => string): string[] {
  const labels = [...new Set(hits.map(({ label }) => label))].sort();
  const width = Math.max(title.length, ...labels.map(({ length }) => length));
  const lines = labels.map((label) => {
    const here = hits.filter((hit) => hit.label === label);
    const each = victims.map((victim) => String(here.filter((hit) => hit.victim === victim).length).padStart(8));
    return `${label.padEnd(width)}${each.join("")}   ${more(here)}`;
  });
  return [`${title.padEnd(width)}    both    tool manager`, ...lines];
}

const callOf = ({ aim }: Hits[number]) => ("call" in aim ? aim.call : 0);

/** Into how many fiftieths of the stretch, as long as it was when nobody was killed, at least one kill fell. */
function delaysOf(hits: Hits): string {
  const delays = hits.map(({ delayMs }) => delayMs ?? 0);
  const fiftieths = hits.map(({ aim, delayMs }) =>
    "stretch" in aim ? Math.min(49, Math.floor(((delayMs ?? 0) / aim.stretchMs) * 50)) : 0,
  );
  const different = new Set(delays.map((ms) => ms.toFixed(2))).size;
  return `${different} different delays up to ${Math.max(...delays).toFixed(1)} ms, in ${new Set(fiftieths).size} of 50 fiftieths`;
}
