// From settings to an attack: every fixed attack on gray and on colour images, its labels and its cover samples.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { afterAll, describe, expect, test } from 'vitest';
import { loadSettings } from '../../config/load.ts';
import { labelsOf, prepareAttack } from '../../src/app/attack.ts';
import type { Context } from '../../src/app/context.ts';
import type { Attack } from '../../src/attacks/poison.ts';
import type { DatasetInfo } from '../../src/datasets/dataset.ts';
import type { ImageShape } from '../../src/datasets/sample.ts';
import { Pool } from '../../src/workers/pool.ts';
import { drawn } from '../attacks/triggers.ts';

const folder = mkdtempSync(join(tmpdir(), 'dataelixir-attack-'));
afterAll(() => rmSync(folder, { recursive: true }));

function contextOf(attack: string): Context {
  const text = `seed: 3\nattack: { ${attack} }`;
  const settings = loadSettings({
    file: { name: 'test.yaml', text },
    readPreset: () => ({ name: '', text: '' }),
  });
  return { settings, locate: (path: string) => join(folder, path) } as unknown as Context;
}

const infoOf = (shape: ImageShape): DatasetInfo => ({ name: 'd', format: 'idx', classes: 10, shape });

async function attackOf(attack: string, shape: ImageShape = [1, 28, 28]): Promise<Attack> {
  const make = await prepareAttack(contextOf(attack), infoOf(shape));
  const pool = new Pool({ engine: 'onnx', executionProvider: 'cpu', tfjsBackend: 'cpu', workers: 1 });
  const needless = async (): Promise<never> => Promise.reject(new Error('a fixed attack asked for samples'));
  return make!(pool, needless);
}

describe.each<ImageShape>([
  [1, 28, 28],
  [3, 32, 32],
])('on images of %j', (...shape) => {
  test.each([
    ['badnet', 0],
    ['blended', 0],
    ['sig', 0],
    ['wanet', 0.2],
    ['ftrojan', 0],
    ['bpp', 0],
    ['adaptive-blend', 0.1],
    ['adaptive-patch', 0.2],
  ])('%s stamps training and test images, with cover of %d', async (name, cover) => {
    const attack = await attackOf(`name: ${name}`, shape);
    const samples = ['a', 'b'].map((id) => drawn(shape, (y, x, c) => 60 + 4 * y + (x % 7) + c, id));
    expect(attack.cover?.rate ?? 0).toBe(cover);
    for (const stamp of [attack.train, attack.test, attack.cover?.stamp]) {
      if (stamp === undefined) continue;
      const stamped = await stamp(samples);
      expect(stamped.map((pixels) => pixels.length)).toEqual(samples.map(({ pixels }) => pixels.length));
      stamped.forEach((pixels, i) => {
        expect(pixels).not.toEqual(samples[i]!.pixels);
      });
      expect(await stamp([samples[1]!])).toEqual([stamped[1]]); // alone as in company
    }
  });
});

test('labels are those of the attack, unless told', async () => {
  const labels = (text: string) => labelsOf(contextOf(text).settings.attack);
  expect(labels('name: blended')).toBe('all-to-one');
  expect(labels('name: sig')).toBe('clean-label');
  expect(labels('name: sig, labels: all-to-one')).toBe('all-to-one');
  const map = (await attackOf('name: badnet, labels: all-to-all')).labels;
  expect([map.relabel(3), map.relabel(9)]).toEqual([4, 0]);
});

test('cover samples are as many as told', async () => {
  expect((await attackOf('name: adaptive-blend, rate: 0.01, coverRate: 0.03')).cover?.rate).toBe(0.03);
  expect((await attackOf('name: adaptive-patch, rate: 0.01')).cover?.rate).toBe(0.02);
});

test('tests may show more than training', async () => {
  const image = drawn([1, 28, 28], () => 100);
  const sig = await attackOf('name: sig, delta: 7, testDelta: 70, frequency: 7');
  expect((await sig.train([image]))[0]!.slice(0, 4)).toEqual(Uint8Array.of(107, 100, 93, 100));
  expect((await sig.test([image]))[0]!.slice(0, 4)).toEqual(Uint8Array.of(170, 100, 30, 100));
  const blend = await attackOf('name: blended, image: rings, testAlpha: 0');
  expect((await blend.test([image]))[0]).toEqual(image.pixels);
  expect((await blend.train([image]))[0]).not.toEqual(image.pixels);
});

test('pictures come from PNG files', async () => {
  writeFileSync(
    join(folder, 'k.png'),
    encode({ width: 1, height: 2, channels: 1, depth: 8, data: Uint8Array.of(250, 0) }),
  );
  writeFileSync(
    join(folder, 'm.png'),
    encode({ width: 1, height: 2, channels: 1, depth: 8, data: Uint8Array.of(255, 0) }),
  );
  const image = drawn([1, 2, 3], () => 100);
  const stamp = async (attack: string) => [...(await (await attackOf(attack, [1, 2, 3])).train([image]))[0]!];
  expect(await stamp('name: blended, image: k.png, alpha: 0.5')).toEqual([175, 175, 175, 50, 50, 50]);
  expect(await stamp('name: badnet, image: k.png')).toEqual([100, 100, 250, 100, 100, 0]);
  expect(await stamp('name: badnet, image: k.png, mask: m.png')).toEqual([100, 100, 250, 100, 100, 100]);
});

test.each([
  ['name: blended, image: none.png', /attack.image: cannot use none.png: ENOENT/],
  ['name: badnet, mask: m.png', /attack.image: expected a PNG for attack.mask, found none; set it/],
  ['name: adaptive-patch, patchSize: 20', /all four corners/],
  ['name: sig, target: 10', /attack.target/],
])('refuses %s before anything is done', async (attack, message) => {
  writeFileSync(
    join(folder, 'm.png'),
    encode({ width: 1, height: 1, channels: 1, depth: 8, data: Uint8Array.of(9) }),
  );
  await expect(prepareAttack(contextOf(attack), infoOf([1, 28, 28]))).rejects.toThrow(message);
});
