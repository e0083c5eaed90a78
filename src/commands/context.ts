import type { Driver } from "../drivers/driver.ts";
import type { DomainId, NewId, OperationId } from "../events/ids.ts";
import type { DomainEvent, Envelope, EventRecord } from "../events/events.ts";
import type { AppendOptions, EventLog, LogAccess } from "../events/log.ts";
import type { DriverName } from "../events/records.ts";
import type { Directory } from "../projections/directory.ts";
import type { FileDirectory } from "../projections/file-directory.ts";
import { apply } from "../projections/domain.ts";
import type { DomainState } from "../projections/state.ts";
import type { Caller, Request } from "./request.ts";
import type { Locks } from "../store/lock/domain-lock.ts";

/** Everything a command's effects need from outside. */
export interface CommandContext {
  readonly log: LogAccess;
  readonly states: States;
  readonly pool?: StatePool | undefined;
  readonly locks: Locks;
  readonly driver: (name: DriverName) => Driver;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly newId: NewId;
  /** Absolute folder for the layers of domains that name none. */
  readonly layersRoot: string;
  /** How long to wait for a domain's operation lock. */
  readonly waitMs: number;
  /** Called after each append: the log has grown to this position. */
  readonly appended: (position: number) => void;
}

/** What questions are answered from. */
export type QueryContext = Pick<CommandContext, "log" | "states">;

/** Where projections come from: cached states and the records after them. */
export interface States {
  /** `upTo`: as it was right after the record at this position of the log. */
  domain(log: EventLog, id: DomainId, at?: { readonly upTo?: number }): Promise<DomainState>;
  directory(log: EventLog): Promise<Directory>;
  files(log: EventLog): Promise<FileDirectory>;
}

/** States that operations ended with, for the next ones on the same domains. Each belongs to one operation at a time. */
export interface StatePool {
  /** undefined: there is none, or the log does not follow it. */
  take(log: EventLog, id: DomainId): Promise<DomainState | undefined>;
  release(state: DomainState): void;
}

/** One operation on one domain, under its lock: the state it works on grows with what it appends. */
export class Operation {
  readonly id: OperationId;
  readonly context: CommandContext;
  readonly state: DomainState;
  readonly driver: Driver;
  readonly caller: Caller;
  readonly request: Request;

  constructor(
    context: CommandContext,
    id: OperationId,
    state: DomainState,
    driver: Driver,
    caller: Caller,
    request: Request,
  ) {
    this.context = context;
    this.id = id;
    this.state = state;
    this.driver = driver;
    this.caller = caller;
    this.request = request;
  }

  /** Appends one event of this operation, durably, and folds it into the state. */
  async append(event: DomainEvent, options: AppendOptions & { of?: OperationId } = {}): Promise<EventRecord> {
    const { of = this.id, ...expected } = options;
    const sealed = this.context.log.use((log) =>
      log.append([{ ...this.envelope(of), ...event }], { expectedRevision: this.state.revision, ...expected }),
    );
    const [record] = await sealed;
    if (!record) throw new Error("the log acknowledged an append without a record");
    apply(this.state, record);
    this.context.appended(record.position);
    return record;
  }

  private envelope(operation: OperationId): Envelope {
    const { user, uid, loginUid, sudoUser, host, via, knownBy } = this.caller;
    const actor = { user, uid, loginUid, sudoUser, host, via, knownBy };
    const { reason = null, ticket = null, commandId = null } = this.request;
    return { domain: this.state.id, actor, reason, ticket, operation, commandId };
  }
}
