// Writes a dataset as a folder of BackdoorBench's attack results in which every sample counts as changed by the attack:
// its images, and `attack_result.pt` with their labels, which torch.load reads also where it takes only weights. There
// is no model in it, and it names no clean dataset, of which nothing is needed where all images are there.

import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import { type Plain, writePickle } from '../../../weights/pickle-writer.ts';
import { imageExtension, imageFile } from '../../images/image-file.ts';
import type { Origin } from '../../origin.ts';
import type { ImageShape, Sample } from '../../sample.ts';
import { type PartWriter, unwritable } from '../part-writer.ts';
import { IMAGES, RESULT } from './backdoorbench-reader.ts';

const FIXED = { mtime: new Date(1980, 0, 1), mode: 0o100644, compress: false, forceDosTimestamp: true };

/** @param target where `root` will stand when it is whole: paths of images begin with it */
export function openBackdoorBenchWriter(
  root: string,
  target: string,
  {
    classes,
    shape,
    name = '',
  }: { readonly classes: number; readonly shape: ImageShape; readonly name?: string },
): PartWriter {
  const images: { readonly path: string; readonly label: number }[] = [];
  const made = new Set<number>();
  const place = ({ label }: Sample, origin: Origin | undefined) =>
    `${IMAGES}/${label}/${images.length}.${imageExtension(origin)}`;
  return {
    parts: [IMAGES],
    place,
    write: async (sample, origin) => {
      const { bytes } = imageFile(sample, origin);
      const { label } = sample;
      const path = place(sample, origin);
      try {
        if (!made.has(label)) await mkdir(join(root, IMAGES, String(label)), { recursive: true });
        await writeFile(join(root, path), bytes, { flag: 'wx' });
      } catch (error) {
        throw unwritable(path, error as Error);
      }
      made.add(label);
      images.push({ path: `${target}/${path}`, label });
    },
    close: async () => {
      const [channels, height, width] = shape;
      const result = new Map<Plain, Plain>([
        ['model_name', null],
        ['num_classes', classes],
        ['model', new Map()],
        ['data_path', null],
        ['img_size', [height, width, channels]],
        ['clean_data', name],
        ['bd_train', stateOf(target, images)],
        ['bd_test', stateOf(target, [])],
      ]);
      const zip = new ZipFile();
      zip.addBuffer(writePickle(result), 'archive/data.pkl', FIXED);
      zip.addBuffer(Buffer.from('3\n'), 'archive/version', FIXED);
      zip.end();
      await mkdir(join(root, IMAGES), { recursive: true });
      await pipeline(zip.outputStream, createWriteStream(join(root, RESULT))).catch((error: Error) => {
        throw unwritable(join(root, RESULT), error);
      });
    },
  };
}

/** The state of one of its datasets, all samples of which were changed. */
function stateOf(
  target: string,
  images: readonly { readonly path: string; readonly label: number }[],
): Map<Plain, Plain> {
  const folder = `${target}/${IMAGES}`;
  const held = images.map(({ path, label }, index): [Plain, Plain] => [
    index,
    new Map<Plain, Plain>([
      ['path', path],
      ['other_info', [label, label]],
    ]),
  ]);
  const container = new Map<Plain, Plain>([
    ['save_folder_path', folder],
    ['data_dict', new Map(held)],
    ['save_file_format', '.png'],
  ]);
  return new Map<Plain, Plain>([
    ['bd_data_container', container],
    ['getitem_all', true],
    ['getitem_all_switch', false],
    ['original_index_array', images.map((_, index) => index)],
    ['poison_indicator', images.map(() => 1)],
    ['save_folder_path', folder],
  ]);
}
