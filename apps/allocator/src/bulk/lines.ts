/** A line of a body, without its end; `tooLong` = it was passed over. */
export type Line = { bytes: Uint8Array } | { tooLong: true };

const lineFeed = 0x0a;

/**
 * The lines of a stream as it comes. Lines without content are left out; the last one needs no end.
 * @param lineBytesMax longer ones are passed over without being kept
 */
export async function* linesOf(stream: AsyncIterable<Uint8Array>, lineBytesMax: number): AsyncGenerator<Line> {
  let begun: Uint8Array[] = [];
  let bytes = 0;
  const add = (part: Uint8Array): void => {
    bytes += part.length;
    if (bytes > lineBytesMax) begun = [];
    else begun.push(part);
  };
  const end = (): Line => {
    const line: Line = bytes > lineBytesMax ? { tooLong: true } : { bytes: begun.length === 1 && begun[0] ? begun[0] : Buffer.concat(begun) };
    [begun, bytes] = [[], 0];
    return line;
  };
  for await (const chunk of stream) {
    let from = 0;
    for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, from)) {
      add(chunk.subarray(from, at));
      from = at + 1;
      const line = end();
      if (!isBlank(line)) yield line;
    }
    add(chunk.subarray(from));
  }
  const last = end();
  if (!isBlank(last)) yield last;
}

/** White space of JSON only. */
const isBlank = (line: Line): boolean => 'bytes' in line && line.bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
