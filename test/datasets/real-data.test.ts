import { expect, test } from 'vitest';
import type { DatasetOptions } from '../../src/datasets/dataset.ts';
import { openDataset } from '../../src/datasets/open.ts';
import { dataFolder } from '../support/paths.ts';

/** Reads a public dataset and counts its classes. */
async function countsOf(source: string, options: DatasetOptions = {}): Promise<number[]> {
  const dataset = await openDataset(source, options);
  const counts = new Array<number>(dataset.info.classes).fill(0);
  for await (const result of dataset.read()) {
    if (!result.ok) throw new Error(result.quarantined.message);
    counts[result.sample.label]!++;
  }
  return counts;
}

const mnist = dataFolder('mnist');
const gtsrb = dataFolder('gtsrb');
const cifar10 = dataFolder('cifar10');
const webdataset = dataFolder('webdataset');
const tinyImagenet = dataFolder('tiny-imagenet');

test.skipIf(mnist === undefined)('MNIST has the published numbers of each digit', async () => {
  expect(await countsOf(`${mnist}/train-images-idx3-ubyte.gz`)).toEqual([
    5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
  ]);
  expect(await countsOf(`${mnist}/t10k-images-idx3-ubyte.gz`)).toEqual([
    980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
  ]);
});

test.skipIf(cifar10 === undefined)(
  'CIFAR-10: the binary test batch and a gzipped WebDataset shard',
  async () => {
    const test = await openDataset(`${cifar10}/test_batch.bin.gz`);
    expect(test.info).toMatchObject({ shape: [3, 32, 32], classes: 10 });
    expect(test.info.classNames?.slice(0, 2)).toEqual(['airplane', 'automobile']);
    expect(await countsOf(`${cifar10}/test_batch.bin.gz`)).toEqual(new Array(10).fill(1000));
    const shard = await countsOf(`${cifar10}/cifar10-train-000000.tar.gz`, { skip: 100, limit: 2000 });
    expect(shard.reduce((sum, count) => sum + count)).toBe(2000);
    expect(Math.min(...shard)).toBeGreaterThan(150);
  },
);

test.skipIf(gtsrb === undefined)('GTSRB: gzipped archives of class folders of PPM', async () => {
  const train = await openDataset(`${gtsrb}/gtsrb-train-60-per-class.tar.gz`);
  expect(train.info).toMatchObject({ format: 'class-folders', shape: [3, 32, 32], classes: 43 });
  expect(train.info.classNames?.slice(-2)).toEqual(['00041', '00042']);
  expect(await countsOf(`${gtsrb}/gtsrb-train-60-per-class.tar.gz`)).toEqual(new Array(43).fill(60));
  const counts = await countsOf(`${gtsrb}/gtsrb-test-1500.tar.gz`);
  expect(counts.length).toBe(43);
  expect(counts.reduce((sum, count) => sum + count)).toBe(1500);
  expect([counts[35], counts[38], counts[42]]).toEqual([54, 74, 8]); // tar tzf … | grep -c /00035/
});

test.skipIf(webdataset === undefined)("the webdataset project's own sample", async () => {
  const counts = await countsOf(`${webdataset}/sample.tgz`, { classes: 10 });
  expect(counts.reduce((sum, count) => sum + count)).toBe(90);
});

test.skipIf(tinyImagenet === undefined)(
  'Tiny-ImageNet: JPEG one level deeper, some of them gray',
  async () => {
    const source = `${tinyImagenet}/tiny-imagenet-20-classes.tar.gz`;
    const dataset = await openDataset(source, { channels: 3 });
    expect(dataset.info).toMatchObject({ format: 'class-folders', shape: [3, 64, 64], classes: 20 });
    expect(dataset.info.classNames?.[0]).toBe('n01644900');
    expect(await countsOf(source, { channels: 3 })).toEqual(new Array(20).fill(250));
  },
  60_000,
);
