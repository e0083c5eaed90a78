import { writeBufferBytes } from "./options.ts";

/** A full buffer is in a table before the next one is full; one more for what LevelDB itself adds to each entry. */
const surelyInTables = 3 * writeBufferBytes;
const markEvery = writeBufferBytes / 4;

/**
 * Keeps track of the position up to which all records must lie in LevelDB's tables, however long it stays open: what
 * comes after is what the next opening has to check. Opening writes all that was in the write-ahead log to a table.
 */
export class Tables {
  /** Ends of batches, oldest first; all records up to the first lie in tables. */
  readonly #marks: { readonly position: number; readonly bytes: number }[];
  #bytes = 0;

  constructor(opened: number) {
    this.#marks = [{ position: opened, bytes: 0 }];
  }

  /** After a batch of so many bytes that ended at `position`. */
  after(position: number, bytes: number): number {
    this.#bytes += bytes;
    const last = this.#marks.at(-1)?.bytes ?? 0;
    if (this.#bytes - last >= markEvery) this.#marks.push({ position, bytes: this.#bytes });
    while (this.#marks[1] && this.#bytes - this.#marks[1].bytes >= surelyInTables) this.#marks.shift();
    return this.#marks[0]?.position ?? 0;
  }
}
