import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { beforeEach, describe, expect, test } from 'vitest';
import { ZipFile } from 'yazl';
import { openDataset } from '../../../../src/datasets/open.ts';
import type { Sample } from '../../../../src/datasets/sample.ts';
import { openWriter } from '../../../../src/datasets/writer.ts';
import { python, pythonHas } from '../../../support/python.ts';
import { jpegOf, pixelsOf, pngOf, readAll, temporaryFolder } from '../../make.ts';

const SHAPE = [3, 8, 6] as const;
// fixtures/backdoorbench/make.py
const TRUE_LABELS = [2, 1, 0, 2, 1];

let root: string;
beforeEach(() => {
  root = temporaryFolder();
});

/** A folder of results as BackdoorBench leaves it; image i + 100 is the stamped image i. */
function writeResults(): string {
  const folder = join(root, 'badnet');
  for (const i of [1, 3, 4]) {
    const path = join(folder, 'bd_train_dataset', String(TRUE_LABELS[i]), `${i}.png`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, pngOf(i + 100, SHAPE));
  }
  cpSync('fixtures/backdoorbench/attack_result.pt', join(folder, 'attack_result.pt'));
  return folder;
}

const brief = (samples: readonly Sample[]) => samples.map(({ id, label, pixels }) => ({ id, label, pixels }));

describe('results of BackdoorBench', () => {
  test.each([['.'], ['bd_train_dataset']])(
    'are recognised by their folder %s; labels are those of the attack',
    async (inside) => {
      const dataset = await openDataset(join(writeResults(), inside));
      expect(dataset.info).toMatchObject({ format: 'backdoorbench', classes: 3, shape: SHAPE });
      const { samples, bad } = await readAll(dataset);
      expect(bad).toEqual([]);
      expect(brief(samples)).toEqual([
        { id: '00001', label: 0, pixels: pixelsOf(101, SHAPE) },
        { id: '00003', label: 0, pixels: pixelsOf(103, SHAPE) },
      ]);
    },
  );

  test('take their places in the clean dataset', async () => {
    const records = TRUE_LABELS.map((label, i) => Buffer.concat([Uint8Array.of(label), pixelsOf(i, SHAPE)]));
    const shards = [join(root, 'data_batch_1.bin'), join(root, 'data_batch_2.bin')];
    writeFileSync(shards[0]!, Buffer.concat(records.slice(0, 2)));
    writeFileSync(shards[1]!, Buffer.concat(records.slice(2)));
    const folder = writeResults();
    const { samples } = await readAll(await openDataset(folder, { clean: shards, shape: SHAPE }));
    expect(brief(samples)).toEqual(
      TRUE_LABELS.map((label, i) => ({
        id: i < 2 ? `data_batch_1/0000${i}` : `data_batch_2/0000${i - 2}`,
        label: i === 1 || i === 3 ? 0 : label,
        pixels: pixelsOf(i === 1 || i === 3 ? i + 100 : i, SHAPE),
      })),
    );
    const part = await openDataset(folder, { clean: shards.slice(0, 1), shape: SHAPE });
    await expect(readAll(part)).rejects.toThrow(
      /expected a clean dataset with a sample 00003.*found 2 samples/,
    );
    const folders = openDataset(folder, { clean: [join(folder, 'bd_train_dataset', '..', '..')] });
    await expect(folders).rejects.toThrow(/expected a clean dataset in files/);
  });

  test('without the file that says the labels are refused, unless somebody insists', async () => {
    const folder = writeResults();
    rmSync(join(folder, 'attack_result.pt'));
    await expect(openDataset(folder)).rejects.toThrow(/expected attack_result\.pt beside .*bd_train_dataset/);
    const { info } = await openDataset(join(folder, 'bd_train_dataset'), { format: 'class-folders' });
    expect(info.classNames).toEqual(['0', '1', '2']);
    await expect(openDataset(root, { format: 'backdoorbench' })).rejects.toThrow(
      /expected the folder bd_train/,
    );
  });

  test.each([
    ['lists in lists', ']'.repeat(9000) + 'a'.repeat(8999)],
    // each twice in the next
    ['one list, 2³⁰ times over', `]${'q\x07(h\x07h\x07l'.repeat(30)}`],
  ])('whose types of numbers are named by %s are refused at once', async (_, name) => {
    const folder = writeResults();
    const zip = new ZipFile();
    const pickle = Buffer.from(`\x80\x02cnumpy\ndtype\n(${name}tR.`, 'latin1');
    zip.addBuffer(pickle, 'archive/data.pkl', { compress: false });
    zip.end();
    writeFileSync(join(folder, 'attack_result.pt'), await buffer(zip.outputStream));
    await expect(openDataset(folder)).rejects.toThrow(/expected num_classes and bd_train/);
  });

  test('that are damaged, or would run something, are refused', async () => {
    const folder = writeResults();
    const path = join(folder, 'attack_result.pt');
    const good = readFileSync(path);
    for (const length of [0, 10, 700, good.length - 1]) {
      writeFileSync(path, good.subarray(0, length));
      await expect(openDataset(folder), `cut at ${length}`).rejects.toMatchObject({ code: 'dataset' });
    }
    cpSync('fixtures/weights/malicious.pt', path);
    await expect(openDataset(folder)).rejects.toThrow(/found the global .*system/);
    cpSync('fixtures/weights/torch.pt', path);
    await expect(openDataset(folder)).rejects.toThrow(/expected num_classes and bd_train/);
  });
});

describe('what is written', () => {
  async function write(): Promise<{ target: string; jpeg: Buffer }> {
    const target = join(root, 'out');
    const writer = await openWriter(target, {
      format: 'backdoorbench',
      classes: 3,
      shape: SHAPE,
      name: 'pets',
    });
    const jpeg = await jpegOf(5, SHAPE);
    await writer.write({ id: 'a', label: 2, pixels: pixelsOf(0, SHAPE), shape: SHAPE });
    await writer.write({ id: 'b', label: 0, pixels: pixelsOf(1, SHAPE), shape: SHAPE }, { image: jpeg });
    await writer.close();
    return { target, jpeg };
  }

  test('is read back', async () => {
    const { target, jpeg } = await write();
    expect(readFileSync(join(target, 'bd_train_dataset', '0', '1.jpg')).equals(jpeg)).toBe(true);
    const dataset = await openDataset(target);
    expect(dataset.info).toMatchObject({ name: 'pets', format: 'backdoorbench', classes: 3 });
    const { samples } = await readAll(dataset);
    expect(samples.map(({ label }) => label)).toEqual([2, 0]);
    expect(samples[0]!.pixels).toEqual(pixelsOf(0, SHAPE));
  });

  test.skipIf(!pythonHas('pickle'))("is what Python's pickle makes of it, without any import", async () => {
    const { target } = await write();
    const program = `
import json, pickle, sys, zipfile
class Plain(pickle.Unpickler):
    def find_class(self, *name):
        raise ValueError(name)
with zipfile.ZipFile(sys.argv[1]) as archive:
    assert archive.testzip() is None
    print(json.dumps(Plain(archive.open('archive/data.pkl')).load()))
`;
    const result = JSON.parse(python(program, join(target, 'attack_result.pt')));
    const folder = join(target, 'bd_train_dataset');
    expect(result).toMatchObject({ num_classes: 3, clean_data: 'pets', img_size: [8, 6, 3], model: {} });
    expect(result.bd_train).toEqual({
      bd_data_container: {
        save_folder_path: folder,
        save_file_format: '.png',
        data_dict: {
          0: { path: `${folder}/2/0.png`, other_info: [2, 2] },
          1: { path: `${folder}/0/1.jpg`, other_info: [0, 0] },
        },
      },
      getitem_all: true,
      getitem_all_switch: false,
      original_index_array: [0, 1],
      poison_indicator: [1, 1],
      save_folder_path: folder,
    });
  });
});
