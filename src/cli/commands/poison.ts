// `poison`: a folder with the poisoned dataset (`train/`), what only the attacker knows (`truth.ndjson`), and, where
// a test set is named, its triggered images for the attack success rate (`triggered/`).

import { readdirSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { poisoned, prepareAttack } from '../../app/attack.ts';
import type { Context } from '../../app/context.ts';
import {
  fillStore,
  openTest,
  openTraining,
  refuseToLog,
  withClasses,
  writerOptions,
} from '../../app/datasets.ts';
import { fillTestStores } from '../../app/evaluation.ts';
import { withPool, withScratch } from '../../app/workspace.ts';
import type { Attack } from '../../attacks/poison.ts';
import type { Truth } from '../../attacks/truth.ts';
import type { DatasetInfo } from '../../datasets/dataset.ts';
import type { Origin } from '../../datasets/origin.ts';
import type { Sample } from '../../datasets/sample.ts';
import { idsAmong } from '../../datasets/store/id-set.ts';
import type { SampleStore } from '../../datasets/store/sample-store.ts';
import type { Source } from '../../datasets/stream.ts';
import { openWriter } from '../../datasets/writer.ts';
import { ConfigError, unwritten, writing } from '../../errors.ts';
import { Journal } from '../../files/journal.ts';
import { claim, isWorkName } from '../../files/work-folder.ts';

export async function poison(context: Context): Promise<void> {
  const { settings } = context;
  const { path } = settings.output;
  if (path === null) throw new ConfigError('output.path: expected a folder to write to, found none; set it');
  checkEmpty(path);
  if (settings.attack.name === 'none')
    throw new ConfigError('attack.name: expected an attack, found none; pass --attack');
  const opened = await openTraining(context);
  await mkdir(path, { recursive: true }).catch(unwritten(path));
  const claimed = await claim(path, 'poison', path).catch(unwritten(path));
  try {
    checkEmpty(path);
    await poisonInto(context, path, opened);
  } finally {
    await claimed.release();
  }
}

async function poisonInto(context: Context, folder: string, opened: Source): Promise<void> {
  await withScratch(async (scratch) => {
    const store = await fillStore(context, join(scratch, 'raw'), opened, refuseToLog(context), true);
    const dataset = withClasses(opened);
    const makeAttack = (await prepareAttack(context, dataset.info))!;
    const found = await openTest(context, dataset.info);
    const test = found && withClasses(found);
    await withPool(context, async (pool) => {
      const attack = await makeAttack(pool, async () => store);
      await writePoisoned(context, folder, dataset.info, store, attack);
      if (test === undefined) return;
      const { triggered } = await fillTestStores(context, scratch, test, attack);
      if (triggered)
        await writeAll(context, join(folder, 'triggered'), test.info, bare(triggered), () => triggered.ids());
    });
  });
}

async function writePoisoned(
  context: Context,
  folder: string,
  info: DatasetInfo,
  store: SampleStore,
  attack: Attack,
): Promise<void> {
  const truth = new Journal<Truth>(join(folder, 'truth.ndjson'));
  let stamped = 0;
  const samples = async function* () {
    for await (const { truth: line, ...sample } of poisoned(store, attack, context.settings)) {
      truth.append(line);
      if (line.poisoned) stamped++;
      yield sample;
    }
  };
  await writeAll(context, join(folder, 'train'), info, samples(), () => store.ids());
  truth.close();
  const counts = { poisoned: stamped, samples: store.count, attack: context.settings.attack.name };
  const event = { event: 'poisoned', ...counts, path: folder } as const;
  context.log.info('poison', `${stamped} of ${store.count} samples poisoned, written to ${folder}`, event);
}

function checkEmpty(path: string): void {
  const isFree = () => {
    const found = statSync(path, { throwIfNoEntry: false });
    return !found || (found.isDirectory() && readdirSync(path).every(isWorkName));
  };
  if (writing(path, isFree)) return;
  throw new ConfigError(`output.path: expected a new or empty folder, found ${path} in use; choose another`);
}

interface Written {
  readonly sample: Sample;
  readonly origin?: Origin | undefined;
}

function* bare(store: SampleStore): Generator<Written> {
  for (const sample of store.stream()) yield { sample };
}

async function writeAll(
  { settings, log, signal }: Context,
  target: string,
  info: DatasetInfo,
  samples: Iterable<Written> | AsyncIterable<Written>,
  ids: () => Iterable<string>,
): Promise<void> {
  const writer = await openWriter(target, { ...writerOptions(settings, info), isId: idsAmong(ids) });
  let done = 0;
  try {
    for await (const { sample, origin } of samples) {
      signal.throwIfAborted();
      await writer.write(sample, origin);
      log.progress('write', ++done, undefined, 'samples');
    }
    await writer.close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
