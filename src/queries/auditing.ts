/** What asks much of a log, and is loaded when it is asked. */
export { bisect } from "./bisect.ts";
export { verifyReplay } from "./verify-replay.ts";
