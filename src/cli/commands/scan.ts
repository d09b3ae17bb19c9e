// `scan`: is a dataset poisoned? The first half of `purify`: a verdict with its evidence, and what it means in words.
// Nothing is repaired, no benign model is learned, no dataset is written.

import { judge } from '../../../streams/judge.ts';
import { Credit } from '../../../streams/operators/credited.ts';
import type { OnEstimate } from '../../../streams/stages/detect.ts';
import type { Context } from '../../app/context.ts';
import { denoiserPath, prepareDenoiser } from '../../app/denoiser.ts';
import { keepFindings, tellVerdict } from '../../app/findings.ts';
import { checkObserver } from '../../app/meanings.ts';
import { judgingOf } from '../../app/method.ts';
import { progressOf } from '../../app/models.ts';
import { begin, observerOf, openObserved } from '../../app/observed.ts';
import { costOf, createRecord, type OpenRecord } from '../../app/record.ts';
import { estimateTo, reportTo } from '../../app/report.ts';
import { StageClock } from '../../app/stage-clock.ts';
import { withWindows } from '../../app/windows.ts';
import { inWords } from '../../app/words.ts';
import { withPool, withScratch } from '../../app/workspace.ts';
import type { Source } from '../../datasets/stream.ts';
import type { Verdict } from '../../defense/verdict/verdict.ts';
import { checkVerdict } from '../gate.ts';

export async function scan(context: Context): Promise<void> {
  const { settings, stdout } = context;
  checkObserver(settings);
  const verdict = await withWindows(context, undefined, (onWindow) => scanned(context, onWindow));
  stdout.write(`${JSON.stringify(verdict)}\n`);
  checkVerdict(settings, verdict);
}

async function scanned(context: Context, onWindow: OnEstimate): Promise<Verdict> {
  const path = await denoiserPath(context, true);
  const dataset = await openObserved(context, path);
  const open = await createRecord(context);
  try {
    return await withScratch(
      (scratch) => judged(context, dataset, { path, open, scratch, onWindow }),
      open.record.scratch,
    );
  } finally {
    open.quarantine.close();
    await open.record.release();
  }
}

interface Scan {
  /** Of the denoiser. */
  readonly path: string;
  readonly open: OpenRecord;
  /** Folder for temporary files. */
  readonly scratch: string;
  readonly onWindow: OnEstimate;
}

function judged(
  context: Context,
  dataset: Source,
  { path, open, scratch, onWindow }: Scan,
): Promise<Verdict> {
  const { settings, log, signal, tally } = context;
  const { record, refuse, quarantine } = open;
  const clock = new StageClock();
  return withPool(context, async (pool) => {
    const denoiser = await clock.time('denoiser', () =>
      prepareDenoiser(path, context, pool, scratch, dataset.info),
    );
    const begun = await clock.time('observer', () => begin(context, dataset, { scratch, refuse }));
    const { info, store } = begun;
    try {
      const found = await clock.time('observer', () => observerOf(context, pool, begun));
      const onCarriers = progressOf(context, 'carriers');
      const method = judgingOf(settings, pool, { ...found, info, denoiser, onCarriers });
      const credit = new Credit(method.inFlight);
      tally?.watch({ runner: method.runner, credit, clock });
      const tellEstimate = estimateTo(log);
      const judgement = await clock.time('judge', () =>
        judge(
          {
            ...method,
            ...begun,
            credit,
            transitions: record.path('transitions.ndjson'),
            refuse,
            report: reportTo(log, tally),
            onEstimate: (estimate) => {
              tellEstimate(estimate);
              return onWindow(estimate);
            },
          },
          signal,
        ),
      );
      const { verdict } = judgement;
      const looked = { open, info, store, denoiser, observer: found.observer };
      tellVerdict(context, looked, verdict);
      await keepFindings(looked, judgement.knowledge);
      record.finish({
        dataset: { name: info.name, train: store.count, classes: info.classes },
        detection: { targetLabels: verdict.targetLabels },
        cost: costOf(clock, method.runner.denoiserCalls, store.count),
        ...(tally && { totals: tally.totals }),
      });
      for (const text of inWords(verdict, info.classNames))
        log.info('scan', text, { event: 'summary', text });
      log.info('scan', `${quarantine.count} quarantined; evidence: ${record.folder}`, {
        event: 'scanned',
        samples: verdict.samples,
        quarantined: quarantine.count,
        path: record.folder,
      });
      return verdict;
    } finally {
      begun.dispose();
    }
  });
}
