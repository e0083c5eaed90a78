import type { SingleBar } from "cli-progress";
import type { Output } from "./output.ts";

export interface ShownProgress {
  /** `done` of `total`, in any unit. */
  show(step: string, done: number, total: number, path?: string): void;
  /** To be called when the work has ended, however it did: a bar that is left alone keeps the process alive. */
  end(): void;
}

/** JSON lines with --json, a bar when stderr is a terminal, else nothing. */
export function progressOn(output: Output, err: NodeJS.WriteStream, json: boolean): ShownProgress {
  const end = () => undefined;
  if (json) {
    return { show: (step, done, total, path = "") => output.asideJson({ progress: { step, path, done, total } }), end };
  }
  return err.isTTY ? barOn(err) : { show: () => undefined, end };
}

/** The bar's package is loaded when there is something to show; what is reported before it is there is not drawn. */
function barOn(stream: NodeJS.WriteStream): ShownProgress {
  let create: (() => SingleBar) | undefined;
  let loading: Promise<void> | undefined;
  let bar: SingleBar | undefined;
  const end = () => {
    bar?.stop();
    bar = undefined;
  };
  const show: ShownProgress["show"] = (step, done, total) => {
    loading ??= import("cli-progress").then(({ default: { SingleBar } }) => {
      const format = "{step} [{bar}] {percentage}%";
      create = () => new SingleBar({ format, stream, clearOnComplete: true, barsize: 40 });
    });
    if (!bar && create) {
      bar = create();
      bar.start(total, done, { step });
    }
    bar?.update(done, { step });
    if (done >= total) end();
  };
  return { show, end };
}
