// `purify`: repairs a dataset of which nothing else is known. An observer is trained on it unless one is brought.

import { join } from 'node:path';
import type { Refuse } from '../../../streams/records.ts';
import type { Dataset } from '../../datasets/open.ts';
import { SampleStore } from '../../datasets/sample-store.ts';
import type { Pool } from '../../workers/pool.ts';
import type { ClassifierRef } from '../../workers/protocol.ts';
import type { Context } from '../commands.ts';
import { fillStore, openTraining } from '../datasets.ts';
import { denoiserPath, prepareDenoiser } from '../denoiser.ts';
import { loadClassifier, trainOn } from '../models.ts';
import { type Purification, purifyInto } from '../purification.ts';
import { costOf, createRecord } from '../record.ts';
import { StageClock, withPool, withScratch } from '../workspace.ts';

export async function purify(context: Context): Promise<void> {
  const { log, stdout, tally } = context;
  const path = denoiserPath(context, true);
  const dataset = await openTraining(context);
  const { info } = dataset;
  const open = createRecord(context);
  const { record, quarantine } = open;
  const clock = new StageClock();
  await withScratch(async (scratch) => {
    await withPool(context, async (pool) => {
      const denoiser = await clock.time('denoiser', () =>
        prepareDenoiser(path, context, pool, scratch, info),
      );
      const observed = await clock.time('observer', () =>
        observe(context, pool, dataset, scratch, open.refuse),
      );
      const parts = { ...observed, info, denoiser, open, scratch, clock };
      const { verdict, denoiserCalls, written, dropped } = await purifyInto(context, pool, parts);
      quarantine.close();
      const samples = observed.store.count;
      record.finish({
        dataset: { name: info.name, train: samples, classes: info.classes },
        detection: { targetLabels: verdict.targetLabels },
        cost: costOf(clock, denoiserCalls, samples),
        ...(tally && { totals: tally.totals }),
      });
      log.info(
        'purify',
        `${written} written, ${dropped} dropped, ${quarantine.count} quarantined: ${record.folder}`,
      );
      stdout.write(`${JSON.stringify(verdict)}\n`);
    });
  }, record.folder);
}

/** The observer, with a store that is full when it was trained here, else with a source to fill it from. */
async function observe(
  context: Context,
  pool: Pool,
  dataset: Dataset,
  scratch: string,
  refuse: Refuse,
): Promise<Pick<Purification, 'store' | 'source'> & { readonly observer: ClassifierRef }> {
  const { info } = dataset;
  const { path } = context.settings.observer;
  const file = join(scratch, 'raw');
  if (path !== null) {
    const observer = await loadClassifier(context.locate(path), info);
    return { observer, store: new SampleStore(file, info.shape), source: dataset.read() };
  }
  const store = await fillStore(context, file, dataset, refuse);
  return { observer: await trainOn(pool, context, 'observer', store, info), store };
}
