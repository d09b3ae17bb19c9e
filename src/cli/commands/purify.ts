// `purify`: repairs a dataset of which nothing else is known. An observer is trained on it unless one is brought.

import { join } from 'node:path';
import type { Refuse } from '../../../streams/records.ts';
import { SampleStore } from '../../datasets/sample-store.ts';
import type { Source } from '../../datasets/stream.ts';
import { ConfigError } from '../../errors.ts';
import type { Pool } from '../../workers/pool.ts';
import type { ClassifierRef } from '../../workers/protocol.ts';
import type { Context } from '../commands.ts';
import { fillStore, openTraining, withClasses } from '../datasets.ts';
import { denoiserPath, prepareDenoiser } from '../denoiser.ts';
import { classesOf, loadClassifier, trainOn } from '../models.ts';
import { type Purification, purifyInto, toStandardOutput } from '../purification.ts';
import { costOf, createRecord } from '../record.ts';
import { StageClock, withPool, withScratch } from '../workspace.ts';

export async function purify(context: Context): Promise<void> {
  const { log, stdout } = context;
  checkTerminal(context);
  const path = denoiserPath(context, true);
  const dataset = await openTraining(context);
  const open = createRecord(context);
  const { record, quarantine } = open;
  const clock = new StageClock();
  await withScratch(async (scratch) => {
    await withPool(context, async (pool) => {
      const denoiser = await clock.time('denoiser', () =>
        prepareDenoiser(path, context, pool, scratch, dataset.info),
      );
      const observed = await clock.time('observer', () =>
        observe(context, pool, dataset, scratch, open.refuse),
      );
      const { info } = observed;
      const parts = { ...observed, denoiser, open, scratch, clock };
      const { verdict, denoiserCalls, written, dropped } = await purifyInto(context, pool, parts);
      quarantine.close();
      const samples = observed.store.count;
      record.finish({
        dataset: { name: info.name, train: samples, classes: info.classes },
        detection: { targetLabels: verdict.targetLabels },
        cost: costOf(clock, denoiserCalls, samples),
      });
      log.info(
        'purify',
        `${written} written, ${dropped} dropped, ${quarantine.count} quarantined: ${record.folder}`,
      );
      if (!toStandardOutput(context)) stdout.write(`${JSON.stringify(verdict)}\n`);
    });
  }, record.folder);
}

/** Images are nothing for a screen. */
function checkTerminal(context: Context): void {
  if (!toStandardOutput(context) || !('isTTY' in context.stdout && context.stdout.isTTY)) return;
  throw new ConfigError(
    'output.path: expected stdout to be a pipe or a file, found a terminal; redirect it or set output.path',
  );
}

/** The observer, with a store that is full when it was trained here, else with a source to fill it from. */
async function observe(
  context: Context,
  pool: Pool,
  dataset: Source,
  scratch: string,
  refuse: Refuse,
): Promise<Pick<Purification, 'store' | 'source' | 'info'> & { readonly observer: ClassifierRef }> {
  const { path } = context.settings.observer;
  const file = join(scratch, 'raw');
  if (path !== null) {
    const observer = await loadClassifier(context.locate(path), dataset.info);
    const { info, read } = withClasses(dataset, classesOf(observer));
    return { observer, info, store: new SampleStore(file, info.shape), source: read() };
  }
  const store = await fillStore(context, file, dataset, refuse);
  const { info } = withClasses(dataset);
  return { info, observer: await trainOn(pool, context, 'observer', store, info), store };
}
