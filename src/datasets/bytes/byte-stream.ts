// Bytes that come only once, such as those of standard input, beside files, which can be opened again. Readers take
// either. To find out what a stream holds its beginning is looked at, and then comes again with the rest.

/** Bytes that can be taken once, under a name for messages. */
export interface ByteStream {
  readonly name: string;
  readonly bytes: AsyncGenerator<Buffer, void, undefined>;
  /** Whether the bytes are what they are, however they begin: the rest of a file. */
  readonly plain?: boolean;
}

/** A file by its path, or a stream. */
export type ByteSource = string | ByteStream;

/** Bytes that are taken in pieces of wanted sizes. */
export interface Taken {
  /** The next `size` bytes; fewer at the end. */
  take(size: number): Promise<Buffer>;
}

/** What quarantine entries and messages call a source. */
export function nameOf(source: ByteSource): string {
  return typeof source === 'string' ? source : source.name;
}

/** Chunks of any kind as buffers; ending early ends the source, which tells a producer to stop. */
export async function* buffersOf(
  chunks: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of chunks) {
    yield typeof chunk === 'string'
      ? Buffer.from(chunk)
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
}

/** The beginning of a stream, and the whole stream. */
export interface Peeked {
  /** Fewer bytes than asked for where the stream is shorter, or damaged. */
  readonly start: Buffer;
  /** All bytes from the first on; damage that was met meanwhile is thrown where it stood. */
  readonly bytes: AsyncGenerator<Buffer, void, undefined>;
}

/** Looks at the first `size` bytes of a stream. */
export async function peek(chunks: AsyncGenerator<Buffer, void, undefined>, size: number): Promise<Peeked> {
  const held: Buffer[] = [];
  const damage: unknown[] = [];
  for (let length = 0; length < size && damage.length === 0; ) {
    try {
      const next = await chunks.next();
      if (next.done) break;
      held.push(next.value);
      length += next.value.length;
    } catch (error) {
      damage.push(error);
    }
  }
  const bytes = async function* () {
    try {
      yield* held.splice(0);
      if (damage.length > 0) throw damage[0];
      yield* chunks;
    } finally {
      await chunks.return();
    }
  };
  return { start: Buffer.concat(held).subarray(0, size), bytes: bytes() };
}
