import { SnapledgerError } from "../../errors.ts";

/** Longer than any command that is accepted: its longest argument is a description of 64 KiB. */
export const mostBytes = 128 * 1024;

/**
 * The lines of a file or a pipe, without their ends (`\n` or `\r\n`), each as soon as it is there. USAGE when one is not
 * UTF-8 or is longer than 128 KiB: what would be left out might be what was meant.
 */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      yield text([...parts, chunk.subarray(from, end)]);
      parts = [];
      length = 0;
      from = end + 1;
    }
    parts.push(chunk.subarray(from));
    length += chunk.length - from;
    if (length > mostBytes) throw wrong("This line is longer than 128 KiB.");
  }
  if (length > 0) yield text(parts);
}

function text(parts: readonly Buffer[]): string {
  try {
    const line = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(parts));
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  } catch {
    throw wrong("This line is not UTF-8.");
  }
}

function wrong(message: string): SnapledgerError {
  return new SnapledgerError("USAGE", message, { hint: "Is it the right file? Nothing of this line was run." });
}
