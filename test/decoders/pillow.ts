// Pillow as a second decoder, in a Python process that takes path after path. Where that process dies of an image, the
// image counts as refused, and another one goes on.

import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ByteReader } from '../../src/datasets/bytes/byte-reader.ts';
import { buffersOf } from '../../src/datasets/bytes/byte-stream.ts';

const PROGRAM = fileURLToPath(new URL('pillow.py', import.meta.url));

/** An image as Pillow decodes it. */
export interface Decoded {
  readonly width: number;
  readonly height: number;
  /** Pillow's word for what is stored. */
  readonly mode: string;
  /** RGB, pixel by pixel. */
  readonly pixels: Uint8Array;
}

/** The version of Pillow; undefined where this Python has none. */
export function pillowVersion(python: string): string | undefined {
  const { status, stdout } = spawnSync(python, ['-c', 'import PIL; print(PIL.__version__)'], {
    encoding: 'utf8',
  });
  return status === 0 ? stdout.trim() : undefined;
}

/** A process, and what it says. */
interface Running {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly said: ByteReader;
}

export class Pillow {
  readonly #python: string;
  #running: Running | undefined;

  constructor(python: string) {
    this.#python = python;
  }

  /** @returns why there is no image, in Pillow's words, in the place of one */
  async decode(path: string): Promise<Decoded | string> {
    this.#running ??= begin(this.#python);
    const { child, said } = this.#running;
    child.stdin.write(`${path}\n`);
    const length = await said.take(4);
    if (length.length < 4) {
      this.#running = undefined;
      return 'the process died';
    }
    const { error, width, height, mode } = JSON.parse(String(await said.take(length.readUInt32BE())));
    if (error !== undefined) return error;
    return { width, height, mode, pixels: await said.take(3 * width * height) };
  }

  async close(): Promise<void> {
    this.#running?.child.stdin.end();
    await this.#running?.said.drain();
  }
}

function begin(python: string): Running {
  const child = spawn(python, [PROGRAM], { stdio: ['pipe', 'pipe', 'ignore'] });
  // what it does not read any more it does not answer either
  child.stdin.on('error', () => undefined);
  return { child, said: new ByteReader(buffersOf(child.stdout)) };
}
