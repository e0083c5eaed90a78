import type { SnapshotInfo } from "../../connection/api.ts";
import type { SnapshotForm } from "../../xml/domainsnapshot.ts";
import { asOf } from "../input/moment.ts";
import type { Cli } from "../verb.ts";

/** Prints a snapshot as XML; with --json as `{"xml": "…"}`. */
export async function printXml(cli: Cli, snapshot: SnapshotInfo, form: SnapshotForm): Promise<void> {
  const { writeDomainSnapshot } = await import("../../xml/domainsnapshot.ts");
  const domain = await (await cli.connection()).domain(snapshot.domain.id, await asOf(cli));
  const xml = writeDomainSnapshot(snapshot, form, domain);
  if (cli.json) cli.output.json({ xml });
  else cli.output.xml(xml);
}
