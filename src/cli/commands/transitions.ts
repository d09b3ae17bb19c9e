// `transitions`: steps 2 and 3 of the method as a filter, one JSON object a sample on stdout.

import { once } from 'node:events';
import { Credit } from '../../../streams/operators/credited.ts';
import { runTransitions } from '../../../streams/transitions.ts';
import type { Context } from '../../app/context.ts';
import { refuseToLog, withClasses } from '../../app/datasets.ts';
import { denoiserPath } from '../../app/denoiser.ts';
import { classesOf, loadDenoiser, loadObserver } from '../../app/models.ts';
import { openObserved } from '../../app/observed.ts';
import { reportTo } from '../../app/report.ts';
import { planOf } from '../../app/rules.ts';
import { withPool } from '../../app/workspace.ts';
import { jsonLine } from '../../control-characters.ts';
import { ConfigError } from '../../errors.ts';
import { PoolRunner } from '../../workers/pool-runner.ts';

export async function transitions(context: Context): Promise<void> {
  const { settings, log, signal, stdout, tally } = context;
  const { path } = settings.observer;
  if (path === null) {
    throw new ConfigError(
      'observer.path: expected a classifier, found none; make one with `dataelixir train`',
    );
  }
  const file = await denoiserPath(context, false);
  const opened = await openObserved(context, file);
  const observer = await loadObserver(context.locate(path), settings, opened.info);
  const dataset = withClasses(opened, classesOf(observer));
  const { model: denoiser, schedule } = await loadDenoiser(file, settings, dataset.info.shape);
  const refuse = refuseToLog(context);
  await withPool(context, async (pool) => {
    const { quantile } = settings.repair;
    const runner = new PoolRunner(pool, { observer, denoiser, schedule, plan: planOf(settings), quantile });
    const credit = new Credit(settings.inFlight);
    tally?.watch({ runner, credit });
    await runTransitions(
      {
        source: dataset.read(),
        runner,
        inFlight: settings.inFlight,
        credit,
        batch: settings.diffusion.batch,
        refuse: refuse,
        print: async (record) => {
          if (!stdout.write(`${jsonLine(record)}\n`)) await once(stdout, 'drain');
        },
        report: reportTo(log, tally),
      },
      signal,
    ).finally(() => refuse.conclude());
  });
}
