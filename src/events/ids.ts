/** Identities. All are lower-case UUIDs made from the time and randomness handed in; files are named after them. */
export type DomainId = string;
export type SnapshotId = string;
export type LayerId = string;
export type OperationId = string;
export type EventId = string;
export type CommandId = string;
/** A disk as the guest's definition names it, `vda`. */
export type Target = string;

/** Milliseconds since 1970 (UTC). */
export type Clock = () => number;
/** As many random bytes as asked for. */
export type Random = (bytes: number) => Uint8Array;
/** A new UUID at each call. */
export type NewId = () => string;

/** UUIDv7 (RFC 9562): 48 bits of time, then randomness, so that ids sort by when they were made. */
export function uuidv7(clock: Clock, random: Random): NewId {
  let last = NaN;
  let beginning = "";
  return () => {
    const bytes = random(16);
    const time = clock();
    // Every event gets an id, and many are of one millisecond.
    if (time !== last) [last, beginning] = [time, hexOfTime(time)];
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    let uuid = beginning;
    for (let i = 6; i < 16; i++) {
      if (i <= 10 && i % 2 === 0) uuid += "-";
      uuid += hexOfByte[bytes[i] ?? 0] ?? "";
    }
    return uuid;
  };
}

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The lower 48 bits: `01234567-89ab`. */
function hexOfTime(time: number): string {
  const hex = (Math.floor(time) % 2 ** 48).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}
