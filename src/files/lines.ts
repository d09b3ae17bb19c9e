// Bytes or text in chunks of any size become lines: what NDJSON is read with, from a file or from a pipe.

/**
 * Yields the lines of UTF-8 `chunks` without their line ends (`\n` or `\r\n`); the last line may lack one.
 * Empty lines are yielded too. Holds one line and one chunk at a time.
 */
export async function* lines(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const parts = (
      rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))
    ).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) yield withoutReturn(line);
  }
  rest += decoder.decode();
  if (rest !== '') yield withoutReturn(rest);
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
