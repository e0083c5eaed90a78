import type { AppendOptions, EventLog } from "../../src/events/log.ts";
import type { NewEvent } from "../../src/events/events.ts";
import type { Driver } from "../../src/drivers/driver.ts";

/** For tests: a process that dies, and calls that fail or are slow, at a chosen place. */

/** The process is dead. Not a SnapledgerError: nothing may catch it and go on. */
export class Crash extends Error {
  override readonly name = "Crash";
}

/**
 * What kills a process. Drivers and logs that share one pass it before and after each effect; when it blows, they all
 * reject with the same Crash from then on, so that the dead process does nothing more.
 */
export interface Fuse {
  /** Points passed so far, the one that blew it among them. A run that never blows counts how many there are. */
  readonly count: number;
  /** Their names in order: `before makeOverlay`, `after append SnapshotCreated`, `commit half done`. */
  readonly points: readonly string[];
  readonly crash: Crash | undefined;
  /** Throws the Crash at the chosen point and at every later one. */
  pass(point: string): void;
  /** Throws the Crash if it has blown. */
  check(): void;
}

/** Blows at the `crashAt`-th point (from 1); without it, never. */
export function fuse(crashAt?: number): Fuse {
  const points: string[] = [];
  let crash: Crash | undefined;
  const check = () => {
    if (crash !== undefined) throw crash;
  };
  return {
    points,
    get count() {
      return points.length;
    },
    get crash() {
      return crash;
    },
    check,
    pass(point) {
      check();
      points.push(point);
      if (points.length === crashAt) crash = new Crash(`crashed at point ${crashAt}, ${point}`);
      check();
    },
  };
}

/** The methods of a driver that change something; only these have crash points. */
const effects = [
  "prepareFolder",
  "makeOverlay",
  "compressLayer",
  "repairImage",
  "commit",
  "shrink",
  "repoint",
  "repairLeaks",
  "remove",
  "start",
  "stop",
  "shutdown",
  "suspend",
  "resume",
  "freeze",
  "settleFreeze",
  "thaw",
  "commitLive",
] as const;
const looks = [
  "adopt",
  "inspectImage",
  "identify",
  "observe",
  "probeLock",
  "imageFault",
  "leftOut",
  "freeBytes",
  "checkFolder",
  "filesIn",
  "guestState",
  "guestHeads",
  "guestWrites",
  "machines",
  "memoryFault",
  "isCommitting",
  "canCommitLive",
] as const;

export type DriverMethod = (typeof effects)[number] | (typeof looks)[number];

/** What goes wrong at the `call`-th call (from 1) of a method, or of any method when none is named. */
export interface Fault {
  readonly method?: DriverMethod;
  readonly call: number;
  /** Rejects with this instead of doing anything; with `afterwards`, although it was done. */
  readonly error?: Error;
  readonly afterwards?: boolean;
  /** Waits for this before it begins. */
  readonly delay?: () => Promise<void>;
}

export interface Faults {
  readonly fuse?: Fuse;
  readonly faults?: readonly Fault[];
}

type Call = (...args: readonly unknown[]) => Promise<unknown>;

/** The same driver, with these faults. Any driver will do. */
export function withFaults<D extends Driver>(driver: D, { fuse: shared = fuse(), faults = [] }: Faults): D {
  const calls = new Map<DriverMethod | "any", number>();
  const count = (key: DriverMethod | "any") => {
    const next = (calls.get(key) ?? 0) + 1;
    calls.set(key, next);
    return next;
  };
  const wrap = (method: DriverMethod): Call => {
    const call = driver[method].bind(driver) as Call;
    const hasEffect = (effects as readonly string[]).includes(method);
    return async (...args) => {
      shared.check();
      const ofMethod = count(method);
      const ofAny = count("any");
      const fault = faults.find(
        (each) => (each.method === undefined ? ofAny : each.method === method && ofMethod) === each.call,
      );
      await fault?.delay?.();
      if (fault?.error !== undefined && fault.afterwards !== true) throw fault.error;
      if (hasEffect) shared.pass(`before ${method}`);
      const result = await call(...args);
      shared.check();
      if (hasEffect) shared.pass(`after ${method}`);
      if (fault?.error !== undefined) throw fault.error;
      return result;
    };
  };
  return { ...driver, ...Object.fromEntries([...effects, ...looks].map((method) => [method, wrap(method)])) };
}

/** The same log, whose appends pass the fuse before and after, and which is as dead as its process. */
export function crashable(log: EventLog, shared: Fuse): EventLog {
  const alive = async <T>(work: () => Promise<T>): Promise<T> => {
    shared.check();
    const result = await work();
    shared.check();
    return result;
  };
  return {
    async append(events: readonly NewEvent[], options?: AppendOptions) {
      const types = events.map(({ type }) => type).join(" ");
      shared.pass(`before append ${types}`);
      const records = await log.append(events, options);
      shared.pass(`after append ${types}`);
      return records;
    },
    read: (range) => whileAlive(log.read(range), shared),
    readDomain: (domain, range) => whileAlive(log.readDomain(domain, range), shared),
    findCommand: (commandId) => alive(() => log.findCommand(commandId)),
    revision: (domain) => alive(() => log.revision(domain)),
    head: () => alive(() => log.head()),
    close: () => log.close(),
  };
}

async function* whileAlive<T>(items: AsyncIterable<T>, shared: Fuse): AsyncIterable<T> {
  shared.check();
  for await (const item of items) {
    shared.check();
    yield item;
  }
}
