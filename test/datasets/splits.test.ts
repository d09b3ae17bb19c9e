import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDataset } from '../../src/index.ts';
import { pngOf, temporaryFolder } from './make.ts';

function folderOf(...paths: string[]): string {
  const root = temporaryFolder();
  for (const path of paths) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), pngOf(1, [3, 4, 4]));
  }
  return root;
}

it('the folder above train and test is refused, and both are named', async () => {
  const root = folderOf('train/cat/1.png', 'train/dog/2.png', 'test/cat/3.png');
  await expect(openDataset(root)).rejects.toThrow(
    `found test, train with folders in them; name one of them: ${join(root, 'test')} or ${join(root, 'train')}`,
  );
  expect((await openDataset(join(root, 'train'))).info.classNames).toEqual(['cat', 'dog']);
});

it.each([
  ['classes that are called so', ['test/1.png', 'train/2.png'], ['test', 'train']],
  ['one among others', ['train/1.png', 'car/2.png'], ['car', 'train']],
  ['Tiny-ImageNet', ['test/images/1.png', 'train/images/2.png'], ['test', 'train']],
])('%s are read', async (_, paths, classes) => {
  expect((await openDataset(folderOf(...paths))).info.classNames).toEqual(classes);
});
