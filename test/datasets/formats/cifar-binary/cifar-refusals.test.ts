import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openDataset } from '../../../../src/datasets/open.ts';
import { writePickle } from '../../../../src/weights/pickle-writer.ts';
import { ppmOf, tar, temporaryFolder } from '../../make.ts';

test.each([
  ['cifar-10-batches-bin', 'data_batch_1.bin'],
  ['cifar-100-binary', 'train.bin'],
  ['cifar-10-batches-py', 'data_batch_1'],
])('CIFAR as it is downloaded, %s, is refused by what it is', async (folder, name) => {
  const path = join(temporaryFolder(), 'cifar.tar.gz');
  const members = [[`${folder}/readme.html`, 'x'], [`${folder}/${name}`, Buffer.alloc(3073)]] as const; // biome-ignore format: pairs
  writeFileSync(path, gzipSync(await tar(members)));
  await expect(openDataset(path)).rejects.toThrow(
    new RegExp(`found an archive of CIFAR's own files such as ${name}; unpack it, and name its data_batch_`),
  );
});

test('an archive of images may hold other files', async () => {
  const path = join(temporaryFolder(), 'a.tar');
  writeFileSync(path, await tar([['cifar-10/train', 'x'], ['cifar-10/a/0.ppm', ppmOf(0, [3, 2, 2])]])); // biome-ignore format: pairs
  expect((await openDataset(path)).info.classNames).toEqual(['a']);
});

test('a Python pickle is named', async () => {
  const path = join(temporaryFolder(), 'data_batch_1');
  writeFileSync(path, writePickle(new Map([['labels', [1, 2]]])));
  await expect(openDataset(path)).rejects.toThrow(/found a Python pickle.*bring the binary version/);
});
