import type { Actor } from "../events/events.ts";
import { uuidv7 } from "../events/ids.ts";
import { systemRandom } from "../system/random.ts";
import type { Caller } from "./api.ts";

/** What comes in from outside: the time, randomness, who asks. Nothing below asks for these itself. */

export const clock = (): number => Date.now();
export const newId = uuidv7(clock, systemRandom());
export const defaultWaitMs = 5000;

export function actorOf({ user, uid, loginUid, sudoUser, host, via, knownBy }: Caller): Actor {
  return { user, uid, loginUid, sudoUser, host, via, knownBy };
}
