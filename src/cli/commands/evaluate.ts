// `evaluate`: what a classifier gets right, and how often it obeys the trigger of the configured attack.

import { ConfigError } from '../../errors.ts';
import { attackOf } from '../attack.ts';
import type { Context } from '../commands.ts';
import { openTest } from '../datasets.ts';
import { fillTestStores, ratesOf } from '../evaluation.ts';
import { loadClassifier } from '../models.ts';
import { withPool, withScratch } from '../workspace.ts';

export async function evaluate(context: Context): Promise<void> {
  const { settings, locate, stdout } = context;
  const { path } = settings.observer;
  if (path === null)
    throw new ConfigError('observer.path: expected a classifier to evaluate, found none; name its file');
  const test = await openTest(context);
  if (test === undefined) {
    throw new ConfigError('dataset.test: expected at least one source, found none; name a file or a folder');
  }
  const model = await loadClassifier(locate(path), test.info);
  const attack = attackOf(settings, test.info);
  await withScratch(async (scratch) => {
    const stores = await fillTestStores(context, scratch, test, attack);
    const rates = await withPool(context, (pool) => ratesOf(pool, model, stores));
    stdout.write(`${JSON.stringify(rates)}\n`);
  });
}
