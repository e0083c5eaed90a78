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
  return () => {
    const bytes = random(16);
    const time = clock();
    for (let i = 0; i < 6; i++) bytes[i] = Math.floor(time / 2 ** (8 * (5 - i))) & 0xff;
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    return uuidOf(bytes);
  };
}

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Every event gets an id, so this is kept cheap. */
function uuidOf(bytes: Uint8Array): string {
  let uuid = "";
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) uuid += "-";
    uuid += hexOfByte[bytes[i] ?? 0] ?? "";
  }
  return uuid;
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}
