// `purify`: repairs a dataset of which nothing else is known. An observer is trained on it unless one is brought.

import { join, resolve } from 'node:path';
import type { Refuse } from '../../../streams/records.ts';
import { SampleStore } from '../../datasets/sample-store.ts';
import type { Source } from '../../datasets/stream.ts';
import type { Verdict } from '../../defense/verdict.ts';
import { ConfigError } from '../../errors.ts';
import type { State } from '../../state/state.ts';
import type { Pool } from '../../workers/pool.ts';
import type { ClassifierRef } from '../../workers/protocol.ts';
import type { Context } from '../commands.ts';
import { fillStore, openTraining, withClasses } from '../datasets.ts';
import { denoiserPath, prepareDenoiser, sizeFor } from '../denoiser.ts';
import { checkVerdict } from '../gate.ts';
import { identityOf, RunMemory, withState } from '../memory.ts';
import { classesOf, loadClassifier, trainedBefore, trainOn } from '../models.ts';
import { type Purification, purifyInto, toStandardOutput } from '../purification.ts';
import { costOf, createRecord } from '../record.ts';
import { withWindows } from '../windows.ts';
import { StageClock, withPool, withScratch } from '../workspace.ts';

export async function purify(context: Context): Promise<void> {
  checkTerminal(context);
  const verdict = await withState(context, (state) =>
    withWindows(context, state, (onWindow) => purifyWith(context, state, onWindow)),
  );
  checkVerdict(context.settings, verdict);
}

async function purifyWith(
  context: Context,
  state: State | undefined,
  onWindow: Purification['onWindow'],
): Promise<Verdict> {
  const { settings, log, stdout, tally } = context;
  const path = denoiserPath(context, true);
  const dataset = await openTraining(context, await sizeFor(context, path));
  const folder = resolve(settings.recordRoot, settings.saveFolderName);
  const open = createRecord(context, settings.overwrite || (await state?.owns(folder)));
  await state?.claim(folder);
  const { record, quarantine } = open;
  const memory = state && new RunMemory(context, state, open);
  const clock = new StageClock();
  return withScratch(async (scratch) => {
    return withPool(context, async (pool) => {
      const denoiser = await clock.time('denoiser', () =>
        prepareDenoiser(path, context, pool, scratch, dataset.info),
      );
      const begun = await clock.time('observer', () => begin(context, dataset, scratch, open.refuse));
      const { info, store } = begun;
      await state?.bind(identityOf(context, denoiser, info), info.classes);
      const observer = await clock.time(
        'observer',
        async () => begun.observer ?? (await trainObserver(context, pool, begun, memory)),
      );
      const parts = { ...begun, observer, denoiser, open, scratch, clock, memory, onWindow };
      const { verdict, denoiserCalls, written, dropped } = await purifyInto(context, pool, parts);
      quarantine.close();
      const samples = store.count;
      store.dispose();
      record.finish({
        dataset: { name: info.name, train: samples, classes: info.classes },
        detection: { targetLabels: verdict.targetLabels },
        cost: costOf(clock, denoiserCalls, samples),
        ...(tally && { totals: tally.totals }),
      });
      await memory?.commit();
      const corrected = memory ? `, ${memory.corrected} corrected` : '';
      log.info(
        'purify',
        `${written} written, ${dropped} dropped, ${quarantine.count} quarantined${corrected}: ${record.folder}`,
      );
      if (!toStandardOutput(context)) stdout.write(`${JSON.stringify(verdict)}\n`);
      return verdict;
    });
  }, record.folder).finally(() => quarantine.close());
}

/** Images are nothing for a screen. */
function checkTerminal(context: Context): void {
  if (!toStandardOutput(context) || !('isTTY' in context.stdout && context.stdout.isTTY)) return;
  throw new ConfigError(
    'output.path: expected stdout to be a pipe or a file, found a terminal; redirect it or set output.path',
  );
}

/** A store that is full where the observer is to be trained on it, else with the observer and a source to fill it from. */
async function begin(
  context: Context,
  dataset: Source,
  scratch: string,
  refuse: Refuse,
): Promise<Pick<Purification, 'store' | 'source' | 'info'> & { readonly observer?: ClassifierRef }> {
  const { path } = context.settings.observer;
  const file = join(scratch, 'raw');
  if (path !== null) {
    const observer = await loadClassifier(context.locate(path), dataset.info);
    const { info, read } = withClasses(dataset, classesOf(observer));
    return { observer, info, store: new SampleStore(file, info.shape), source: read() };
  }
  const store = await fillStore(context, file, dataset, refuse, true);
  return { info: withClasses(dataset).info, store };
}

/** The observer of these samples; with a state that keeps models warm, the one that was trained first. */
function trainObserver(
  context: Context,
  pool: Pool,
  { store, info }: Pick<Purification, 'store' | 'info'>,
  memory: RunMemory | undefined,
): Promise<ClassifierRef> {
  return memory?.warm
    ? trainedBefore(pool, context, memory.warm, store, info)
    : trainOn(pool, context, 'observer', store, info, memory?.networks);
}
