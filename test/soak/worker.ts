import type { Game, Played } from "./round.ts";
import { play } from "./round.ts";

/** Plays the rounds that its parent asks for, one after another: watching blocks the process that does it. */

export type Said = { readonly line: string } | { readonly played: Played } | { readonly failed: string };

const say = (said: Said) => process.send?.(said);

process.on("message", (game: Game) => {
  play(game, (line) => say({ line })).then(
    (played) => say({ played }),
    (error: unknown) => say({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});

// Ctrl-C is for whoever asked: what has begun is played to its end.
process.on("SIGINT", () => undefined);
// Whoever asked is gone.
process.on("disconnect", () => process.exit());
