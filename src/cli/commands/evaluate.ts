// `evaluate`: what a classifier gets right, and how often it obeys the trigger of the configured attack.

import { join } from 'node:path';
import { ConfigError } from '../../errors.ts';
import { prepareAttack } from '../attack.ts';
import type { Context } from '../commands.ts';
import { fillStore, openTest, openTraining, refuseToLog } from '../datasets.ts';
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
  const makeAttack = await prepareAttack(context, test.info);
  await withScratch(async (scratch) => {
    await withPool(context, async (pool) => {
      const attack = await makeAttack?.(pool, async () =>
        fillStore(context, join(scratch, 'train'), await openTraining(context), refuseToLog(context)),
      );
      const stores = await fillTestStores(context, scratch, test, attack);
      stdout.write(`${JSON.stringify(await ratesOf(pool, model, stores))}\n`);
    });
  });
}
