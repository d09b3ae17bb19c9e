import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../src/errors.ts';
import { readSafetensors, writeSafetensors } from '../../src/weights/safetensors.ts';
import { temporaryFile, temporaryFolder } from './temporary.ts';

/** A file by hand: length, JSON, data. */
function file(header: unknown, data: Uint8Array = new Uint8Array(0), declared?: bigint): Promise<string> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(declared ?? BigInt(json.length));
  return temporaryFile('hand.safetensors', Buffer.concat([length, json, data]));
}

const f32 = (shape: number[], begin: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

const DEEP = '['.repeat(50_000) + ']'.repeat(50_000);

describe('safetensors', () => {
  it('reads back what it wrote, NaN included, and the metadata', async () => {
    const path = join(await temporaryFolder(), 'w.safetensors');
    const weights = new Map([
      [
        'b',
        { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, Number.NaN, Number.POSITIVE_INFINITY, 1e-40) },
      ],
      ['a', { shape: [], data: Float32Array.of(7) }],
      ['none', { shape: [0, 4], data: new Float32Array(0) }],
    ]);
    await writeSafetensors(path, weights, { dataelixir: '{"kind":"unet"}' });
    const read = await readSafetensors(path);
    expect(new Map(read.weights)).toEqual(weights);
    expect(read.metadata).toEqual({ dataelixir: '{"kind":"unet"}' });
    expect(await readdir(join(path, '..'))).toEqual(['w.safetensors']);
    expect((await readFile(path)).readBigUInt64LE() % 8n).toBe(0n);
  });

  it('converts the other element types', async () => {
    // 1.5, -2, the smallest subnormal, NaN as float16; 1.5 and -2 as bfloat16; int64 -3; bool
    const data = Buffer.from('003e00c00100007ec03f00c0fdffffffffffffff0100', 'hex');
    const path = await file(
      {
        half: { dtype: 'F16', shape: [4], data_offsets: [0, 8] },
        brain: { dtype: 'BF16', shape: [2], data_offsets: [8, 12] },
        long: { dtype: 'I64', shape: [], data_offsets: [12, 20] },
        flags: { dtype: 'BOOL', shape: [2], data_offsets: [20, 22] },
      },
      data,
    );
    const { weights } = await readSafetensors(path);
    expect([...weights.get('half')!.data]).toEqual([1.5, -2, 2 ** -24, Number.NaN]);
    expect([...weights.get('brain')!.data]).toEqual([1.5, -2]);
    expect([...weights.get('long')!.data]).toEqual([-3]);
    expect([...weights.get('flags')!.data]).toEqual([1, 0]);
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ['a missing file', async () => '/nowhere/w.safetensors', /found none to read/],
    [
      'an empty file',
      () => temporaryFile('w.safetensors', new Uint8Array(0)),
      /expected 8 bytes at offset 0/,
    ],
    ['a huge header', () => file({}, undefined, 2n ** 63n), /header of at most 100000000 bytes/],
    [
      'a header behind the end',
      () => file({}, undefined, 90_000_000n),
      /expected 90000000 bytes at offset 8/,
    ],
    ['a header that is no JSON', () => file('{"a":'), /a JSON header/],
    ['a header that is no object', () => file([1]), /a JSON object/],
    ['truncated data', () => file({ a: f32([2], 0, 8) }, new Uint8Array(6)), /8 bytes of data/],
    ['data behind the last tensor', () => file({ a: f32([1], 0, 4) }, new Uint8Array(8)), /4 bytes of data/],
    ['a shape of another size', () => file({ a: f32([3], 0, 8) }, new Uint8Array(8)), /12 bytes for a \[3\]/],
    ['a negative extent', () => file({ a: f32([-1], 0, 4) }, new Uint8Array(4)), /a shape for a/],
    [
      'an overflowing shape',
      () => file({ a: f32([2 ** 40, 2 ** 40], 0, 8) }, new Uint8Array(8)),
      /bytes for a/,
    ],
    [
      'overlapping tensors',
      () => file({ a: f32([1], 0, 4), b: f32([1], 0, 4) }, new Uint8Array(4)),
      /b at data/,
    ],
    ['a hole', () => file({ a: f32([1], 4, 8) }, new Uint8Array(8)), /a at data offset 0/],
    [
      'an unknown type',
      () => file({ a: { ...f32([4], 0, 4), dtype: 'F8_E4M3' } }, new Uint8Array(4)),
      /F8_E4M3/,
    ],
    ['metadata of other types', () => file({ __metadata__: { a: 1 } }), /strings in __metadata__/],
    ['a type that is an object', () => file({ a: { dtype: { toString: 1 } } }), /found \{"toString":1\};/],
    ['a type deeper than any stack', () => file(`{"a":{"dtype":${DEEP}}}`), /for a in .*found a list;/],
    ['a shape deeper than any stack', () => file(`{"a":{"dtype":"F32","shape":${DEEP}}}`), /found a list;/],
    [
      'offsets deeper than any stack',
      () => file(`{"a":{"dtype":"F32","shape":[],"data_offsets":${DEEP}}}`),
      /two offsets for a .*found a list;/,
    ],
    ['metadata deeper than any stack', () => file(`{"__metadata__":{"a":${DEEP}}}`), /found an object;/],
  ])('refuses %s', async (_, make, message) => {
    const reading = readSafetensors(await make());
    await expect(reading).rejects.toThrow(WeightsError);
    await expect(reading).rejects.toThrow(message);
  });
});
