import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { ByteReader } from '../../../src/datasets/bytes/byte-reader.ts';
import { openDataset } from '../../../src/datasets/open.ts';
import { readAll, temporaryFolder } from '../make.ts';

// 40 lines of NDJSON with PGM images of 2×2, by zstd 1.5: -19, and -3 --no-check
const LEVEL_19 =
  'KLUv/QRoBQwAVtZLIQDVNsoiDtmvAgBx4FWjEKFI8Lj40QISmYGO0ApQVYSKEEUAQQBBAPuiUN5pacv15Ql11RDxRWTtNogRRf7vQJvHcQecaGZyagXc+Byh0UgF01OEW0gvJaVj1gCBci4VCocGBrR+aIBASZOaApiLIUTp+fo5vtjIl3vc5tvYcs/Icehw5ZoFvJltnVxkJ/ZevcYS7Q4xJxhS9dDXiV/OElbJwxjbbDLbhi8FwVyXJ84ehCBxHsYeUUWYZ9/XaMiStq8XMBaa1NaPV1VWufrK6Ugg2T7oCBkh/K8xA5fA/hym7mbXLyUgEqUzv1olU3SAEz149tbozGIeoynImL2ybhzztZFcwYovOwrNDsSWXRQamd6V7Yi+ym1rDZWrS/3W0uXMzW7tKU7EXO2DPIABU6gRoFyh0vt10EthOEII3CCIGP4ZSHh/Bsc5GBzH57kcBoZhuRgM58QwOBeDC94+r3VPtVU2NRHGhqLCNtajuSAh5FlYmUCfVwDgm4gauA0ByA==';
const LEVEL_3 =
  'KLUv/QBYhQwABtdNJgDLzgF42UnMUkrkN/40iy/7EEyek3BkNB79xJ1Sq8xx9f//XhVMRgBCAEEAJaIRbSXNZznyQDpZ+L8LEIGgumeba8N0AzzMCqS0FNTjWrNYHQW5EXzXN5/EnIyRDDkfAX4SEzORRDDzEZisMJ/EFMnpELW7DB30KveGXbhLvzUMBoyMelsJ3VS53WKjKinLHbmlD/sOEkLpVG8Ol4Fc7WoA0bBRpi6XynXRnyAHRZpclyLQFloH2yi7xguU5r5bLGKDdd0DChpWtO2hFI1RZWdM5uGo753BV8Ch7pZaYAO0HaPQdLns42PTgez3ZElqxHqDHG3sAA+TobnXYv8pByEZUP2lKgvD2o9QuWPKz/CRWUf/Gwqvstc/s8AxdvsXksmOlj8hq5Wp/n8JQsDqfyAyupK2bwJ1qCGs4fj+b9Ab5QERrBC0yfjtAz+ztmxt2pq1ZWvT1qwtW5u2Zm3Z2oSjuDAUF37iwk5cuIkLM3HhJS6sxIWDJDgMyfPiqI0TukpXrrjDUcAjtAOkCg==';
const BYTES = 2350;
const frames = [LEVEL_19, LEVEL_3].map((text) => Buffer.from(text, 'base64'));

let path: string;
beforeEach(() => {
  path = join(temporaryFolder(), 'set.ndjson.zst');
});

/** A frame of raw and repeated blocks, as the format's description says. */
function frame(
  window: number,
  blocks: readonly (readonly [kind: 0 | 1, size: number, bytes: Uint8Array])[],
): Buffer {
  const parts = blocks.map(([kind, size, bytes], i) => {
    const head = Buffer.alloc(3);
    head.writeUIntLE((size << 3) | (kind << 1) | Number(i === blocks.length - 1), 0, 3);
    return Buffer.concat([head, bytes]);
  });
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, window]), ...parts]);
}

async function bytesOf(content: Buffer): Promise<{ text: string; damage: string | undefined }> {
  writeFileSync(path, content);
  const reader = new ByteReader(path);
  const bytes = await reader.take(2 ** 22);
  await reader.close();
  return { text: bytes.toString('latin1'), damage: reader.damage };
}

test.each([
  ['checksum', 0],
  ['no checksum', 1],
])('a dataset is read: %s', async (_, i) => {
  writeFileSync(path, frames[i]!);
  const dataset = await openDataset(path);
  expect(dataset.info).toMatchObject({ name: 'set', format: 'ndjson', classes: 4, shape: [1, 2, 2] });
  const { samples, bad } = await readAll(dataset);
  expect(bad).toEqual([]);
  expect(samples).toHaveLength(40);
  expect(samples[39]).toMatchObject({ id: 's39', label: 3, pixels: Uint8Array.of(163, 174, 185, 196) });
  // recognised by content: the name does not matter
  const other = path.replace('.zst', '');
  copyFileSync(path, other);
  expect((await readAll(await openDataset(other))).samples).toEqual(samples);
});

test('frames follow each other; others are passed over', async () => {
  const skipped = Buffer.from([0x55, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const { text, damage } = await bytesOf(Buffer.concat([frames[0]!, skipped, frames[1]!]));
  expect(damage).toBeUndefined();
  expect(text).toHaveLength(2 * BYTES);
  expect(text.slice(BYTES)).toBe(text.slice(0, BYTES));
});

test('raw and repeated blocks, small ones too', async () => {
  const blocks = [
    [0, 3, Buffer.from('abc')],
    [1, 5, Buffer.from('x')],
    [0, 0, Buffer.alloc(0)],
  ] as const;
  expect(await bytesOf(frame(0, blocks))).toEqual({ text: 'abcxxxxx', damage: undefined });
});

describe('damage', () => {
  test('whole blocks before a cut are given', async () => {
    const bytes = frame(0, [
      [0, 30, Buffer.from('abc'.repeat(10))],
      [0, 5, Buffer.from('defgh')],
    ]);
    const { text, damage } = await bytesOf(bytes.subarray(0, -1));
    expect(text).toBe('abc'.repeat(10));
    expect(damage).toMatch(/expected whole compressed data, found: the end of the file/);
  });

  test.each([
    ['a window of 512 MiB', frame(0x98, [[0, 1, Buffer.from('a')]]), /a window of 536870912 bytes/],
    ['a block of 2 MiB', frame(0, [[1, 2 ** 21 - 1, Buffer.from('a')]]), /a block of 2097151 bytes/],
    ['other bytes behind', Buffer.concat([frames[0]!, Buffer.from('more')]), /bytes 6d6f7265 between frames/],
    ['wrong bytes', Buffer.concat([frames[0]!.subarray(0, 12), Buffer.alloc(400, 0xa5)]), /found: /],
  ])('%s', async (_, content, message) => {
    expect((await bytesOf(content)).damage).toMatch(message);
  });
});
