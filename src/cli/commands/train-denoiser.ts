// `train-denoiser`: a noise predictor on images that the dataset to purify does not hold.

import { join } from 'node:path';
import { ConfigError } from '../../errors.ts';
import type { Context } from '../commands.ts';
import { fillStore, openDenoiserImages, refuseToLog } from '../datasets.ts';
import { checkDenoiserOutput, trainDenoiserTo } from '../denoiser.ts';
import { checkTrainable } from '../meanings.ts';
import { withPool, withScratch } from '../workspace.ts';

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
