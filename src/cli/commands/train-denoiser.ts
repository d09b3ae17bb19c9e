// `train-denoiser`: a noise predictor on images that the dataset to purify does not hold.

import { join } from 'node:path';
import type { Context } from '../../app/context.ts';
import { fillStore, openDenoiserImages, refuseToLog } from '../../app/datasets.ts';
import { checkDenoiserOutput, trainDenoiserTo } from '../../app/denoiser.ts';
import { checkTrainable } from '../../app/meanings.ts';
import { withPool, withScratch } from '../../app/workspace.ts';
import { ConfigError } from '../../errors.ts';

export async function trainDenoiser(context: Context): Promise<void> {
  const { path } = context.settings.denoiser;
  if (path === null) {
    throw new ConfigError('denoiser.path: expected where to write the denoiser, found none; set it');
  }
  checkTrainable(context.settings);
  checkDenoiserOutput(context, path);
  const images = await openDenoiserImages(context);
  await withScratch(async (scratch) => {
    const store = await fillStore(context, join(scratch, 'images'), images, refuseToLog(context));
    await withPool(context, (pool) => trainDenoiserTo(path, pool, context, store));
  });
}
