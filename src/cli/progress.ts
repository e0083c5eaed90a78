import type { SingleBar } from "cli-progress";
import type { Output } from "./output.ts";

export type ShowProgress = (step: string, done: number, total: number, path?: string) => void;

/** JSON lines with --json, a bar when stderr is a terminal, else nothing. */
export function progressOn(output: Output, err: NodeJS.WriteStream, json: boolean): ShowProgress {
  if (json) {
    return (step, done, total, path) => output.asideJson({ progress: { step, path: path ?? null, done, total } });
  }
  return err.isTTY ? barOn(err) : () => undefined;
}

/** The bar's package is loaded when there is something to show; what is reported before it is there is not drawn. */
function barOn(stream: NodeJS.WriteStream): ShowProgress {
  let create: (() => SingleBar) | undefined;
  let loading: Promise<void> | undefined;
  let bar: SingleBar | undefined;
  return (step, done, total) => {
    loading ??= import("cli-progress").then(({ default: { SingleBar } }) => {
      const format = "{step} [{bar}] {percentage}%";
      create = () => new SingleBar({ format, stream, clearOnComplete: true, barsize: 40 });
    });
    if (!create) return;
    if (!bar) {
      bar = create();
      bar.start(total, done, { step });
    }
    bar.update(done, { step });
    if (done < total) return;
    bar.stop();
    bar = undefined;
  };
}
