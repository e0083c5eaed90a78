import type { Subject } from "./row.ts";
import { append } from "./subjects/append.ts";
import { freeze } from "./subjects/freeze.ts";
import { images } from "./subjects/images.ts";
import { list } from "./subjects/list.ts";
import { live } from "./subjects/live.ts";
import { open } from "./subjects/open.ts";
import { replay } from "./subjects/replay.ts";
import { scale } from "./subjects/scale.ts";
import { step } from "./subjects/step.ts";
import { tree } from "./subjects/tree.ts";

/** In the order they run: what starts programs comes before what fills this process's memory. */
export const subjects: readonly Subject[] = [images, freeze, append, list, open, tree, scale, live, step, replay];
