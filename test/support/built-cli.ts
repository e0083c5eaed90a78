import { inject } from "vitest";
import { Terminal as TerminalOf } from "./terminal.ts";

export type { Ran } from "./terminal.ts";

/** The command line as a user runs it: the built bundle as a process of its own. */
export const bundle = inject("cli");

export type Terminal = TerminalOf;

export const Terminal: new (home: string, environment?: NodeJS.ProcessEnv) => Terminal = class extends TerminalOf {
  constructor(home: string, environment: NodeJS.ProcessEnv = {}) {
    super(home, environment, bundle);
  }
};
