// What is fuzzed: some good files, and what reads them. Beside the folder of an input lie files that nothing has told the
// reader to read: nothing of them may come out.

import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { DataElixirError } from '../../src/errors.ts';

export type Outcome = 'refused' | 'samples set aside' | 'all read';

export interface Target {
  readonly name: string;
  /** By path in the folder of an input. */
  readonly files: Readonly<Record<string, Buffer>>;
  /**
   * Reads what lies in a folder.
   *
   * @throws {Error} when what comes out is neither good, nor set aside, nor refused
   */
  readonly read: (root: string) => Promise<Outcome>;
}

const SECRET = 'a canary of 3f2c7d51';
/** Of [3, 5, 4]; no other picture has these pixels. */
const CANARY_PIXELS = Uint8Array.from({ length: 60 }, (_, i) => (SECRET.charCodeAt(i % 20) + 7 * i) & 0xff);

/** Puts the canaries into a folder, below which inputs lie. */
export function plantCanaries(folder: string): void {
  const pixels = Array.from({ length: 60 }, (_, i) => CANARY_PIXELS[(i % 3) * 20 + Math.floor(i / 3)]!);
  const image = Buffer.concat([Buffer.from('P6\n4 5\n255\n'), Buffer.from(pixels)]);
  const line = JSON.stringify({ id: SECRET, label: 1, image: image.toString('base64') });
  writeFileSync(join(folder, 'canary.png'), image);
  writeFileSync(join(folder, 'canary.ndjson'), line);
  for (const name of ['canary.bin', 'canary.safetensors', 'canary.npy']) {
    writeFileSync(join(folder, name), SECRET.repeat(100));
  }
}

/** A name in the folder of an input that leads out of it. */
export function linkCanary(root: string): void {
  symlinkSync(join('..', 'canary.png'), join(root, 'link.png'));
}

export function expectNoCanary(found: string | Uint8Array): void {
  const bytes = Buffer.from(found);
  expect(bytes.includes(SECRET), 'something of a file outside').toBe(false);
  expect(bytes.equals(CANARY_PIXELS), 'an image from outside').toBe(false);
}

/** More is no message but a file in one. */
const MOST_CHARACTERS = 4000;

/** Messages say what was expected, what was found and what to do. */
export function expectMessage(message: string): void {
  const ends = message.length < 400 ? message : `${message.slice(0, 200)} … ${message.slice(-200)}`;
  expect(message.length, `characters of: ${ends}`).toBeLessThanOrEqual(MOST_CHARACTERS);
  expect(/^expected .*, found.*; ./s.test(message), `a message of three parts: ${ends}`).toBe(true);
  expectNoCanary(message);
}

/** @throws {Error} the error itself, when it is none that a reader may throw */
export function expectRefusal(error: unknown, kind: typeof DataElixirError = DataElixirError): Outcome {
  if (!(error instanceof kind)) throw error;
  expectMessage(error.message);
  return 'refused';
}
