// `train`: a classifier on a dataset as it is, written as an ONNX file that `observer.path` takes.

import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Context } from '../../app/context.ts';
import { fillStore, openTest, openTraining, refuseToLog, withClasses } from '../../app/datasets.ts';
import { accuracyOf } from '../../app/evaluation.ts';
import { trainOn, writeOnnx } from '../../app/models.ts';
import { checkReplaceable } from '../../app/replaceable.ts';
import { withPool, withScratch } from '../../app/workspace.ts';
import { ConfigError, unwritten } from '../../errors.ts';

export async function train(context: Context): Promise<void> {
  const { settings, log, stdout } = context;
  const { path } = settings.output;
  if (path === null)
    throw new ConfigError('output.path: expected where to write the ONNX file, found none; set it');
  checkReplaceable('output.path', path, settings);
  const opened = await openTraining(context);
  await mkdir(dirname(path), { recursive: true }).catch(unwritten(path));
  await withScratch(async (scratch) => {
    const store = await fillStore(context, join(scratch, 'train'), opened, refuseToLog(context));
    const dataset = withClasses(opened);
    const test = await openTest(context, dataset.info);
    await withPool(context, async (pool) => {
      const model = await trainOn(pool, context, 'train', store, dataset.info);
      await writeOnnx(path, model, dataset.info, settings.overwrite);
      log.info('train', `written to ${path}`, { event: 'written', path });
      if (test === undefined) return;
      const images = await fillStore(context, join(scratch, 'test'), test, refuseToLog(context));
      stdout.write(`${JSON.stringify({ ba: await accuracyOf(pool, model, images) })}\n`);
    });
  });
}
