import type { DomainInfo, DomainSummary, SnapshotInfo } from "../../connection/api.ts";
import { cliCommand, SnapledgerError } from "../../errors.ts";
import { asOf } from "./moment.ts";
import type { Cli } from "../verb.ts";

/**
 * Reads one domain; says on stderr when an operation on it has no outcome. Reading itself changes nothing.
 * REVISION_CONFLICT of --expect-revision.
 */
export async function readDomain(cli: Cli, domain: string): Promise<DomainInfo> {
  const info = await (await cli.connection()).domain(domain, await asOf(cli));
  checkRevision(info, cli.input.integer("expect-revision", 0));
  warnOfOperation(cli, info);
  return info;
}

function checkRevision({ revision }: DomainInfo, expected: number | undefined): void {
  if (expected === undefined || expected === revision) return;
  throw new SnapledgerError("REVISION_CONFLICT", `The domain is at revision ${revision}, not ${expected}.`, {
    facts: { expected, revision },
    hint: "Something changed it meanwhile. Ask again without --expect-revision.",
  });
}

export function warnOfOperation(cli: Cli, { name, operation }: DomainSummary): void {
  // What had no outcome at some time in the past is nothing to be done about.
  if (!operation || cli.input.value("at") !== undefined) return;
  const { command, user, since } = operation;
  cli.warn({
    code: "OPERATION_IN_PROGRESS",
    message: `${command} on "${name}" by ${user} since ${since} has no outcome in the log: it runs, or has died.`,
    hint: `See: ${cliCommand("recover", "--explain", name)}`,
  });
}

/** The snapshot named by the verb's second argument, or with --current the current one. */
export async function chosenSnapshot(cli: Cli): Promise<SnapshotInfo> {
  const domain = cli.input.argument(0);
  const name = cli.input.optional(1);
  if ((name === undefined) !== cli.input.has("current")) {
    throw new SnapledgerError("USAGE", "Give a snapshot's name or --current, one of them.", {
      hint: `See: ${cliCommand("snapshot-list", domain)}`,
    });
  }
  if (name === undefined) return currentSnapshot(cli, domain);
  const connection = await cli.connection();
  const [snapshot] = await Promise.all([connection.snapshot(domain, name, await asOf(cli)), readDomain(cli, domain)]);
  return snapshot;
}

export async function currentSnapshot(cli: Cli, domain: string): Promise<SnapshotInfo> {
  const { name, current } = await readDomain(cli, domain);
  if (!current) {
    throw new SnapledgerError("SNAPSHOT_NOT_FOUND", `Domain "${name}" has no current snapshot.`, {
      facts: { domain: name },
      hint: `Its heads stand on the base image. ${cliCommand("snapshot-create", name)} makes a snapshot current.`,
    });
  }
  return (await cli.connection()).snapshot(domain, current.name, await asOf(cli));
}
