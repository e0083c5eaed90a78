/** The checksum of some bytes as LevelDB stores it. */
export function storedCrc(bytes: Buffer): number {
  let crc = -1;
  for (const byte of bytes) crc = nextCrc(crc, byte);
  return masked(~crc);
}

/** One byte more; begins with -1, and is inverted at the end. */
export function nextCrc(crc: number, byte: number): number {
  return (crcTable[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
}

/** LevelDB stores a checksum rotated and moved, so that one of data that holds checksums is no fixed point. */
export function masked(crc: number): number {
  const unsigned = crc >>> 0;
  return (((unsigned >>> 15) | (unsigned << 17)) + 0xa282ead8) >>> 0;
}

/** CRC-32C, the one of iSCSI (RFC 3720). Filled by a plain loop: every start of the command line needs it. */
const crcTable = new Int32Array(256);
for (let byte = 0; byte < crcTable.length; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  crcTable[byte] = crc;
}
