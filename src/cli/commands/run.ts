// `run`: the paper's experiment. A dataset is poisoned, observed and purified; three classifiers with one training
// budget, on the clean, the poisoned and the purified data, tell what the attack did and what is left of it.

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Settings } from '../../../config/schema.ts';
import { labelsOf, poisoned, prepareAttack } from '../../app/attack.ts';
import type { Context } from '../../app/context.ts';
import { fillStore, openTest, withClasses } from '../../app/datasets.ts';
import { denoiserPath, prepareDenoiser } from '../../app/denoiser.ts';
import { fillTestStores, ratesOf, type TestStores } from '../../app/evaluation.ts';
import { checkObserver } from '../../app/meanings.ts';
import {
  loadClassifier,
  loadObserver,
  type Observer,
  progressOf,
  trainObserver,
  trainOn,
  writeOnnx,
} from '../../app/models.ts';
import { openObserved } from '../../app/observed.ts';
import { withOutput } from '../../app/output.ts';
import { toStandardOutput } from '../../app/paths.ts';
import { type Purification, type Purified, purifyInto } from '../../app/purification.ts';
import { costOf, createRecord, type OpenRecord } from '../../app/record.ts';
import { StageClock } from '../../app/stage-clock.ts';
import { detectionFigures } from '../../app/truth.ts';
import { withWindows } from '../../app/windows.ts';
import { withPool, withScratch } from '../../app/workspace.ts';
import type { Attack } from '../../attacks/poison.ts';
import type { Truth } from '../../attacks/truth.ts';
import type { DatasetInfo } from '../../datasets/dataset.ts';
import { SampleStore } from '../../datasets/store/sample-store.ts';
import { unwritten } from '../../errors.ts';
import { Journal } from '../../files/journal.ts';
import type { Metrics } from '../../state/record.ts';
import type { Pool } from '../../workers/pool.ts';
import type { ClassifierRef } from '../../workers/protocol.ts';
import { checkVerdict } from '../gate.ts';
import { comparison } from '../table.ts';
import { checkTerminal } from '../terminal.ts';

export async function run(context: Context): Promise<void> {
  checkTerminal(context);
  checkObserver(context.settings);
  await withWindows(context, undefined, (onWindow) =>
    withOutput(context, undefined, (place) => runWith(context, { onWindow, place })),
  );
}

async function runWith(context: Context, into: Pick<Purification, 'onWindow' | 'place'>): Promise<void> {
  const { settings, log, stdout, tally } = context;
  const path = await denoiserPath(context, true);
  const dataset = withClasses(await openObserved(context, path));
  const { info } = dataset;
  const makeAttack = await prepareAttack(context, info);
  const test = await openTest(context, info);
  const open = await createRecord(context);
  const clock = new StageClock();
  const verdict = await withScratch(async (scratch) => {
    const raw = await clock.time('read', () =>
      fillStore(context, join(scratch, 'raw'), dataset, open.refuse, true),
    );
    return withPool(context, async (pool) => {
      const attack = await clock.time('attack', async () => makeAttack?.(pool, async () => raw));
      const stores = test && (await fillTestStores(context, scratch, test, attack));
      const denoiser = await clock.time('denoiser', () =>
        prepareDenoiser(path, context, pool, scratch, info),
      );
      const observed = await clock.time('poison', () => poisonStore(context, raw, attack, scratch, open));
      const clean =
        attack && stores && (await clock.time('clean', () => cleanModel(pool, context, raw, info)));
      const found = await clock.time('observer', () => observerOf(context, pool, observed.store, info));
      const seen = attack ? asNetworksSee(info) : info;
      const parts = { info: seen, store: observed.store, ...found, denoiser, open, scratch, clock, ...into };
      const purified = await purifyInto(context, pool, parts);
      const rates = await clock.time('evaluate', () =>
        evaluate(pool, stores, { clean, backdoored: found.observer, defended: purified.benign }),
      );
      const detection = await detectionOf(purified, observed.truth);
      open.quarantine.close();
      const metrics: Metrics = {
        dataset: {
          name: info.name,
          train: raw.count,
          ...(stores && { test: stores.clean.count }),
          classes: info.classes,
        },
        ...(attack && { attack: attackFigures(settings) }),
        ...rates,
        detection,
        cost: costOf(clock, purified.denoiserCalls, raw.count),
        ...(tally && { totals: tally.totals }),
      };
      open.record.finish(metrics);
      log.info('run', `finished: ${open.record.folder}`, {
        event: 'finished',
        path: open.record.folder,
        targetLabels: purified.verdict.targetLabels,
        ...rates,
      });
      if (toStandardOutput(context))
        for (const [row, text] of comparison(metrics).trimEnd().split('\n').entries())
          log.info('run', text, { event: 'comparison', row });
      else stdout.write(comparison(metrics));
      return purified.verdict;
    });
  }, open.record.scratch).finally(() => {
    open.quarantine.close();
    return open.record.release();
  });
  checkVerdict(settings, verdict);
}

/** The target only where there is one. */
function attackFigures({ attack }: Settings): NonNullable<Metrics['attack']> {
  const { name, rate, target } = attack;
  const labels = labelsOf(attack);
  return { name, labels, rate, ...(labels !== 'all-to-all' && { target }) };
}

/** Poisoned images have no size of their own beside the one that they were stamped in. */
function asNetworksSee({ came: _, ...info }: DatasetInfo): DatasetInfo {
  return info;
}

/** What a defender sees, and what only the attacker knows. */
interface Poisoned {
  readonly store: SampleStore;
  /** Poisoned samples by id; undefined without an attack. */
  readonly truth: ReadonlyMap<string, Truth> | undefined;
}

async function poisonStore(
  { settings, log }: Context,
  raw: SampleStore,
  attack: Attack | undefined,
  scratch: string,
  { record }: OpenRecord,
): Promise<Poisoned> {
  if (attack === undefined) return { store: raw, truth: undefined };
  const store = new SampleStore(join(scratch, 'poisoned'), raw.shape);
  const journal = new Journal<Truth>(record.path('truth.ndjson'));
  const truth = new Map<string, Truth>();
  for await (const { sample, truth: line, origin } of poisoned(raw, attack, settings)) {
    store.append(sample, origin);
    journal.append(line);
    if (line.poisoned) truth.set(line.id, line);
  }
  journal.close();
  const { name } = settings.attack;
  const event = { event: 'poisoned', poisoned: truth.size, samples: raw.count, attack: name } as const;
  log.info('poison', `${truth.size} of ${raw.count} samples poisoned with ${name}`, event);
  return { store, truth };
}

/**
 * The classifier that never saw poison. Where `evaluation.clean` names a file it is kept there, for runs on the same
 * clean data, and always used as it is in the file, so that the first of these runs compares with the same model.
 */
async function cleanModel(
  pool: Pool,
  context: Context,
  store: SampleStore,
  info: DatasetInfo,
): Promise<ClassifierRef> {
  const { clean } = context.settings.evaluation;
  if (clean === null) return trainOn(pool, context, 'clean', store, info);
  const path = context.locate(clean);
  if (!existsSync(path)) {
    await mkdir(dirname(path), { recursive: true }).catch(unwritten(path));
    const model = await trainOn(pool, context, 'clean', store, info);
    await writeOnnx(path, model, info, false).catch((error: Error) => {
      // another run on the same data was faster
      if (!existsSync(path)) throw error;
    });
  }
  return loadClassifier(path, info);
}

async function observerOf(
  context: Context,
  pool: Pool,
  store: SampleStore,
  info: DatasetInfo,
): Promise<Observer> {
  const { settings } = context;
  const { path } = settings.observer;
  return path === null
    ? trainObserver(pool, settings, store, info, { onProgress: progressOf(context, 'observer') })
    : { observer: await loadObserver(context.locate(path), settings, info) };
}

type Models = Readonly<Record<'clean' | 'backdoored' | 'defended', ClassifierRef | undefined>>;

async function evaluate(
  pool: Pool,
  stores: TestStores | undefined,
  models: Models,
): Promise<Pick<Metrics, keyof Models>> {
  const rates: { -readonly [K in keyof Models]?: Metrics['clean'] } = {};
  for (const name of ['clean', 'backdoored', 'defended'] as const) {
    const model = models[name];
    if (stores && model) rates[name] = await ratesOf(pool, model, stores);
  }
  return rates as Pick<Metrics, keyof Models>;
}

async function detectionOf({ verdict, manifest }: Purified, truth: Poisoned['truth']) {
  const figures = truth && (await detectionFigures(manifest, truth));
  return { targetLabels: verdict.targetLabels, ...figures };
}
