import type { Command } from "../events/command.ts";
import type { EventRecord } from "../events/events.ts";
import type { Exported, Weight } from "./exported.ts";
import { sentenceOf, weightOf } from "./exported.ts";

/** The version of the schema that this is written for; the tests hold its schema. */
export const ocsfVersion = "1.5.0";

/** API Activity: somebody asked a management interface for something, and this came of it. */
const [categoryUid, classUid] = [6, 6003];
const activities = { create: 1, read: 2, update: 3, delete: 4 } as const;
type Activity = keyof typeof activities;
const captions = { create: "Create", read: "Read", update: "Update", delete: "Delete" } as const;

/** One OCSF event on one line. `raw_data` is the stored line as it is. */
export function ocsfEvent(exported: Exported): string {
  const { record, line, logId, version } = exported;
  const { actor, operation, reason, ticket, revision, hash, previousHash } = record;
  const activity = activityOf(record);
  const { loginUid, sudoUser, via, knownBy } = actor;
  return JSON.stringify({
    activity_id: activities[activity],
    activity_name: captions[activity],
    category_uid: categoryUid,
    category_name: "Application Activity",
    class_uid: classUid,
    class_name: "API Activity",
    type_uid: classUid * 100 + activities[activity],
    type_name: `API Activity: ${captions[activity]}`,
    time: Date.parse(record.time),
    ...severityOf(record),
    ...statusOf(record),
    message: sentenceOf(exported),
    metadata: {
      version: ocsfVersion,
      product: { name: "snapledger", vendor_name: "snapledger", version },
      uid: record.id,
      sequence: record.position,
      event_code: record.type,
      log_name: logId,
      original_time: record.time,
      ...(operation === null ? {} : { correlation_uid: operation }),
    },
    actor: { user: { name: actor.user, ...(actor.uid === null ? {} : { uid: String(actor.uid) }) } },
    api: { operation: commandOf(record)?.type ?? record.type, service: { name: "snapledger" } },
    src_endpoint: { name: actor.host, hostname: actor.host },
    ...resourcesOf(exported),
    unmapped: { reason, ticket, revision, hash, previousHash, loginUid, sudoUser, via, knownBy },
    raw_data: line,
  });
}

function commandOf(record: EventRecord): Pick<Command, "type"> | undefined {
  if (record.type === "OperationStarted" || record.type === "CommandRejected") return record.data.command;
  return record.type === "OperationFailed" ? { type: record.data.command } : undefined;
}

function activityOf(record: EventRecord): Activity {
  const command = commandOf(record);
  if (command) return activityOfCommand(command.type);
  switch (record.type) {
    case "LogCreated":
    case "DomainDefined":
    case "SnapshotCreated":
      return "create";
    case "EvidenceExported":
      return "read";
    case "DomainUndefined":
    case "SnapshotDiscarded":
    case "LayersRemoved":
      return "delete";
    default:
      return "update";
  }
}

function activityOfCommand(command: Command["type"]): Activity {
  if (command === "DefineDomain" || command === "CreateSnapshot") return "create";
  return command === "UndefineDomain" || command === "DiscardSnapshot" ? "delete" : "update";
}

const severities: Readonly<Record<Weight, { readonly severity_id: number; readonly severity: string }>> = {
  routine: { severity_id: 1, severity: "Informational" },
  refused: { severity_id: 2, severity: "Low" },
  destroyed: { severity_id: 3, severity: "Medium" },
  failed: { severity_id: 3, severity: "Medium" },
  damaged: { severity_id: 5, severity: "Critical" },
};

function severityOf(record: EventRecord): (typeof severities)[Weight] {
  return severities[weightOf(record)];
}

function statusOf(record: EventRecord): Record<string, unknown> {
  if (record.type === "OperationStarted") return { status_id: 0, status: "Unknown" };
  if (record.type !== "OperationFailed" && record.type !== "CommandRejected")
    return { status_id: 1, status: "Success" };
  const { code, message } = record.data;
  return { status_id: 2, status: "Failure", status_code: code, status_detail: message };
}

function resourcesOf({ record, domain }: Exported): Record<string, unknown> {
  if (record.domain === null) return {};
  const machine = { type: "domain", uid: record.domain, ...(domain === undefined ? {} : { name: domain }) };
  const snapshot = "snapshot" in record.data ? record.data.snapshot : undefined;
  const { id: uid, name } = snapshot ?? {};
  return { resources: [machine, ...(uid === undefined ? [] : [{ type: "snapshot", uid, name }])] };
}
