import { emitKeypressEvents } from "node:readline";
import { isSnapledgerError } from "../../errors.ts";
import { escapeLine } from "../output/escape.ts";
import type { History } from "../output/history.ts";
import type { Debugger } from "./debugger.ts";
import { placeLine, treeView, valueText } from "./view.ts";

interface Key {
  readonly name?: string;
  readonly sequence?: string;
  readonly ctrl?: boolean;
}

/** What is drawn on. */
export interface Surface {
  readonly rows: number;
  readonly columns: number;
  write(text: string): unknown;
}

/** Keys that need no more; the others ask for the rest of a command. */
const keys: Readonly<Record<string, string>> = {
  ...{ n: "next", right: "next", space: "next", b: "back", left: "back" },
  ...{ N: "next 10", B: "back 10", c: "run", home: "jump start", end: "jump end", x: "clear" },
};
const asking: Readonly<Record<string, string>> = { j: "jump ", r: "run ", k: "break ", w: "watch " };
// On a narrow terminal the end is cut off: how to leave must not be.
const help =
  "q quit  n next  b back  N/B ten  j jump  r run to  k break  c go on  w watch  x clear  Home/End  arrows scroll";

const [alternateScreen, normalScreen] = ["\u001b[?1049h\u001b[?25l", "\u001b[?25h\u001b[?1049l"];
const [bold, plain, clearLine] = ["\u001b[1m", "\u001b[0m", "\u001b[K"];

/** A replay on the whole terminal; resolves when it is left. Whatever happens, the terminal is given back as it was. */
export async function runTerminal(title: string, replay: Debugger, history: History): Promise<void> {
  const [input, output] = [process.stdin, process.stdout];
  const screen = new Screen(title, replay, history, output);
  const giveBack = () => {
    input.setRawMode(false);
    output.write(normalScreen);
  };
  emitKeypressEvents(input);
  input.setRawMode(true);
  output.write(alternateScreen);
  process.once("exit", giveBack);
  const redraw = () => screen.draw();
  output.on("resize", redraw);
  try {
    screen.draw();
    await new Promise<void>((resolve) => {
      const onKey = (text: string | undefined, key: Key) => {
        if (screen.press(text, key)) screen.draw();
        else leave();
      };
      const leave = () => {
        input.off("keypress", onKey);
        input.off("end", leave);
        resolve();
      };
      input.on("keypress", onKey);
      input.on("end", leave);
      input.resume();
    });
  } finally {
    output.off("resize", redraw);
    process.off("exit", giveBack);
    giveBack();
    input.pause();
  }
}

/** What is on the screen, and what keys do to it. */
export class Screen {
  readonly #title: string;
  readonly #replay: Debugger;
  readonly #history: History;
  readonly #output: Surface;
  /** A command that is being typed; undefined when keys are commands. */
  #typed: string | undefined;
  #said = "";
  /** First line of the tree that is shown; undefined: where the last event shows. */
  #top: number | undefined;

  constructor(title: string, replay: Debugger, history: History, output: Surface) {
    this.#title = title;
    this.#replay = replay;
    this.#history = history;
    this.#output = output;
  }

  /** false: leave. */
  press(text: string | undefined, key: Key): boolean {
    if (key.ctrl && (key.name === "c" || key.name === "d")) return false;
    if (this.#typed !== undefined) this.#type(this.#typed, text, key);
    else if (key.sequence === "q") return false;
    else this.#command(key);
    return true;
  }

  #command({ name = "", sequence = "" }: Key): void {
    const page = Math.max(1, this.#output.rows - 8);
    const scroll = { up: -1, down: 1, pageup: -page, pagedown: page }[name];
    if (scroll !== undefined) {
      this.#top = Math.max(0, (this.#top ?? 0) + scroll);
      return;
    }
    const prefix = asking[sequence];
    if (prefix !== undefined) this.#typed = prefix;
    const command = keys[sequence] ?? keys[name];
    if (command !== undefined) this.#do(command);
  }

  #type(typed: string, text: string | undefined, { name, ctrl }: Key): void {
    if (name === "escape") this.#typed = undefined;
    else if (name === "backspace") this.#typed = typed.slice(0, -1);
    else if (name === "return" || name === "enter") {
      this.#typed = undefined;
      this.#do(typed);
    } else if (text !== undefined && !ctrl && escapeLine(text) === text) this.#typed = typed + text;
  }

  #do(command: string): void {
    this.#top = undefined;
    try {
      this.#said = this.#replay.do(command) ?? "";
    } catch (error) {
      if (!isSnapledgerError(error)) throw error;
      this.#said = `${error.message} ${error.hint ?? ""}`;
    }
  }

  draw(): void {
    const { rows, columns } = this.#output;
    const { player, watched, breakpoints } = this.#replay;
    const above = [
      `${bold}${this.#fit(`${this.#title}  ${player.applied} of ${player.records.length} events`, columns)}${plain}`,
      ...wrapped(escapeLine(placeLine(player, this.#history)), columns, 3),
      ...watched.map(({ expression, value }) => this.#fit(`  ${expression} = ${valueText(value)}`, columns)),
      ...(breakpoints.length > 0 ? [this.#fit(`  breakpoints: ${breakpoints.join(" | ")}`, columns)] : []),
      "-".repeat(columns),
    ].slice(0, Math.max(1, rows - 4));
    const prompt = this.#typed === undefined ? help : `: ${this.#typed}_`;
    const below = [...wrapped(escapeLine(this.#said), columns, 2), this.#fit(prompt, columns)];
    const height = Math.max(1, rows - above.length - below.length);
    const middle = this.#treeLines(height, columns);
    const lines = [...above, ...middle, ...Array<string>(height - middle.length).fill(""), ...below];
    this.#output.write(`\u001b[H${lines.slice(0, rows).join(`${clearLine}\r\n`)}${clearLine}\u001b[J`);
  }

  #treeLines(height: number, columns: number): string[] {
    const tree = treeView(this.#replay.player);
    const touched = tree.findIndex((line) => line.touched);
    const top = Math.max(0, Math.min(this.#top ?? touched - Math.floor(height / 2), tree.length - height));
    if (this.#top !== undefined) this.#top = top;
    const shown = tree.slice(top, top + height);
    return shown.map((line) => {
      const text = this.#fit(line.text, columns);
      return line.touched ? `${bold}${text}${plain}` : text;
    });
  }

  #fit(text: string, columns: number): string {
    const safe = escapeLine(text);
    return safe.length > columns ? `${safe.slice(0, Math.max(0, columns - 1))}>` : safe;
  }
}

function wrapped(text: string, columns: number, most: number): string[] {
  const lines: string[] = [];
  for (let rest = text; rest !== "" && lines.length < most; rest = rest.slice(columns))
    lines.push(rest.slice(0, columns));
  return lines;
}
