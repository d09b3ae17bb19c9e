// Where writers put their bytes: a file of their own, or a stream that others own, such as standard output. Writing
// waits for whoever takes the bytes, so that a slow consumer slows everything before it.

import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { OutputError } from '../../errors.ts';

/** Takes bytes in order; await each call before the next. */
export interface ByteSink {
  /** Path of the file, or what the stream is called. */
  readonly name: string;
  /** Resolves when more may come. @throws {OutputError} when this or an earlier write failed */
  write(bytes: Uint8Array | string): Promise<void>;
  /** Resolves when all bytes were taken; a file is closed then. @throws {OutputError} as `write` does */
  close(): Promise<void>;
}

/** Bytes that a file's writer may be ahead of the disk: by Node's own 16 KiB it waits for each few images. */
const AHEAD_BYTES = 1 << 18;

/** A new file; one that is there is emptied. */
export function fileSink(path: string): ByteSink {
  const stream = createWriteStream(path, { highWaterMark: AHEAD_BYTES });
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  return sinkOn(path, stream, async () => {
    stream.end();
    await closed;
  });
}

/** A stream that stays open. */
export function streamSink(name: string, stream: Writable): ByteSink {
  // nothing comes after these bytes before all others were taken
  return sinkOn(name, stream, () => new Promise((resolve) => stream.write('', () => resolve())));
}

function sinkOn(name: string, stream: Writable, close: () => Promise<void>): ByteSink {
  let failure: Error | undefined;
  const note = (error: Error | null | undefined) => {
    failure ??= error ?? undefined;
  };
  stream.on('error', note);
  const check = () => {
    if (failure) throw OutputError.of(name, failure);
  };
  return {
    name,
    write: async (bytes) => {
      check();
      await new Promise<void>((resolve) => {
        const roomLeft = stream.write(bytes, (error) => {
          note(error);
          resolve();
        });
        if (roomLeft) resolve();
      });
      check();
    },
    close: async () => {
      if (!failure) await close();
      check();
    },
  };
}
