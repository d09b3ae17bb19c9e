// `evaluate`: what a classifier gets right, and how often it obeys the trigger of the configured attack; and, where the
// ground truth is known, how good the decisions of a purification were.

import { join } from 'node:path';
import { prepareAttack } from '../../app/attack.ts';
import type { Context } from '../../app/context.ts';
import { fillStore, openTest, openTraining, refuseToLog, withClasses } from '../../app/datasets.ts';
import { fillTestStores, ratesOf } from '../../app/evaluation.ts';
import { classesOf, loadObserver, observerClassNames } from '../../app/models.ts';
import { detectionFigures } from '../../app/truth.ts';
import { withPool, withScratch } from '../../app/workspace.ts';
import { readTruth } from '../../attacks/truth.ts';
import type { DetectionFigures } from '../../defense/repair/evaluation.ts';
import { ConfigError } from '../../errors.ts';
import type { Rates } from '../../state/record.ts';

export async function evaluate(context: Context): Promise<void> {
  const { settings, stdout } = context;
  const detection = await detectionOf(context);
  const { path } = settings.observer;
  if (path === null && detection === undefined) {
    throw new ConfigError(
      'observer.path: expected a classifier to evaluate, found none; name its file, or evaluation.manifest and evaluation.truth',
    );
  }
  const rates = path === null ? {} : await ratesOfModel(context, path);
  stdout.write(`${JSON.stringify({ ...rates, ...(detection && { detection }) })}\n`);
}

/** Undefined where no manifest is named. */
async function detectionOf({ settings, locate }: Context): Promise<DetectionFigures | undefined> {
  const { manifest, truth } = settings.evaluation;
  if (manifest === null && truth === null) return undefined;
  if (manifest === null || truth === null) {
    const missing = manifest === null ? 'manifest' : 'truth';
    throw new ConfigError(
      `evaluation.${missing}: expected a file beside the other one, found none; name both`,
    );
  }
  return detectionFigures(locate(manifest), await readTruth(locate(truth)));
}

async function ratesOfModel(context: Context, path: string): Promise<Partial<Rates>> {
  const classNames = await observerClassNames(context);
  const opened = await openTest(context, { ...(classNames && { classNames }) });
  if (opened === undefined) {
    throw new ConfigError('dataset.test: expected at least one source, found none; name a file or a folder');
  }
  if (!classNames) {
    const said = `${path} says no names of classes: labels are matched by number`;
    context.log.info('evaluate', said, { event: 'no-class-names', path });
  }
  const model = await loadObserver(context.locate(path), context.settings, opened.info);
  const test = withClasses(opened, classesOf(model));
  const makeAttack = await prepareAttack(context, test.info);
  return withScratch((scratch) =>
    withPool(context, async (pool) => {
      const attack = await makeAttack?.(pool, async () =>
        fillStore(
          context,
          join(scratch, 'train'),
          await openTraining(context, undefined, undefined, classNames),
          refuseToLog(context),
        ),
      );
      return ratesOf(pool, model, await fillTestStores(context, scratch, test, attack));
    }),
  );
}
