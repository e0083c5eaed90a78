import { cliCommand, SnapledgerError } from "../errors.ts";

/** What is said of a name or a number that nothing has. */

/** DOMAIN_NOT_FOUND: now, or as it was right after the record at this position. */
export function noDomain(domain: string, at = Infinity): SnapledgerError {
  const then = at === Infinity ? "" : ` at position ${at}`;
  return new SnapledgerError("DOMAIN_NOT_FOUND", `There ${then ? "was" : "is"} no domain "${domain}"${then}.`, {
    facts: { domain, ...(then && { at }) },
    hint: `See ${cliCommand("list", ...(then ? ["--at", String(at)] : []))}.`,
  });
}

/** POSITION_NOT_FOUND. `head`: the log's last position. */
export function noPosition(position: number, head: number): SnapledgerError {
  return new SnapledgerError("POSITION_NOT_FOUND", `There is no position ${position} in this log.`, {
    facts: { position, head },
    hint: `It holds positions 1 to ${head}.`,
  });
}
