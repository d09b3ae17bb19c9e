// `purify`: repairs a dataset of which nothing else is known. An observer is trained on it unless one is brought.

import { CORRECTIONS, openNowhere, releaseLines, Teller, writesChanges } from '../../app/changes.ts';
import type { Context } from '../../app/context.ts';
import { noted, trainingPaths } from '../../app/datasets.ts';
import { denoiserPath, prepareDenoiser } from '../../app/denoiser.ts';
import { followSources, type Pass } from '../../app/follow.ts';
import { checkObserver } from '../../app/meanings.ts';
import { identityOf, RunMemory, withState } from '../../app/memory.ts';
import { begin, observerOf, openObserved } from '../../app/observed.ts';
import { withOutput } from '../../app/output.ts';
import { toStandardOutput } from '../../app/paths.ts';
import { type Purification, type Purified, purifyInto } from '../../app/purification.ts';
import { costOf, createRecord, recordFolder } from '../../app/record.ts';
import { passInWords } from '../../app/report.ts';
import { StageClock } from '../../app/stage-clock.ts';
import { withWindows } from '../../app/windows.ts';
import { withPool, withScratch } from '../../app/workspace.ts';
import type { DatasetInfo } from '../../datasets/dataset.ts';
import type { Source } from '../../datasets/stream.ts';
import type { Verdict } from '../../defense/verdict/verdict.ts';
import { Positions } from '../../state/positions.ts';
import type { State } from '../../state/state.ts';
import type { Pool } from '../../workers/pool.ts';
import { checkVerdict } from '../gate.ts';
import { checkTerminal } from '../terminal.ts';

export async function purify(context: Context): Promise<void> {
  checkTerminal(context);
  // refuses what cannot be, before anything is read
  writesChanges(context);
  const { settings } = context;
  checkObserver(settings);
  if (settings.follow.enabled) {
    // before the first file is waited for, which may be long
    await denoiserPath(context, true, false);
    return followSources(context, async (state, pass) => {
      const { verdict, info, teller } = await purifyOnce(context, state, pass);
      teller?.forget();
      checkVerdict(settings, verdict);
      return info;
    });
  }
  const { verdict, teller } = await withState(context, (state) => purifyOnce(context, state));
  // as late as can be: a run that is killed before it has ended is called again, and writes its record again
  teller?.forget();
  checkVerdict(settings, verdict);
}

/** What came of a run over everything that was there. */
interface Outcome {
  readonly verdict: Verdict;
  readonly info: DatasetInfo;
  /** Where there is a state; to be told when the run has ended. */
  readonly teller: Teller | undefined;
}

/** @param pass where it is one of several over sources that grow meanwhile */
function purifyOnce(context: Context, state: State | undefined, pass?: Pass): Promise<Outcome> {
  return withWindows(context, state, (onWindow) =>
    withOutput(context, state, (place) => purifyWith(context, state, { onWindow, place }, pass)),
  );
}

async function purifyWith(
  context: Context,
  state: State | undefined,
  into: Pick<Purification, 'onWindow' | 'place'>,
  pass: Pass | undefined,
): Promise<Outcome> {
  const { settings } = context;
  const path = await denoiserPath(context, true);
  const growing = pass ?? (state && { known: (ids) => state.knows(ids) });
  const opened = await openObserved(context, path, growing);
  const positions = state && (pass?.tail?.positions ?? new Positions(await trainingPaths(context)));
  const dataset = positions ? noted(opened, positions) : opened;
  const folder = recordFolder(context);
  const owned = (await state?.owns(folder)) ?? false;
  const kept = pass?.keep ?? (owned && !writesChanges(context) ? [CORRECTIONS] : []);
  const overwrite = settings.overwrite || owned;
  const open = await createRecord(context, { ...pass, overwrite, keep: kept });
  try {
    await state?.claim(folder);
    const teller = state && new Teller(context, state, open.record, pass !== undefined);
    await teller?.tell();
    const clock = new StageClock();
    const least = pass && state?.classes;
    const run = { ...into, state, positions, open, clock, least, pass, tail: pass?.tail, teller };
    return await withScratch(
      (scratch) =>
        withPool(context, async (pool) => {
          const denoiser = await clock.time('denoiser', () =>
            prepareDenoiser(path, context, pool, scratch, dataset.info),
          );
          return repair(context, pool, dataset, { ...run, denoiser, scratch });
        }),
      open.record.scratch,
    );
  } finally {
    open.quarantine.close();
    await open.record.release();
  }
}

/** What a run has got before it turns to its samples. */
interface Run extends Pick<Purification, 'denoiser' | 'open' | 'clock' | 'scratch' | 'onWindow' | 'place'> {
  readonly state: State | undefined;
  /** What the state is to remember of the sources. */
  readonly positions: Positions | undefined;
  /** Classes at least. */
  readonly least: number | undefined;
  /** Samples that stay when the run ends. */
  readonly tail: Pass['tail'];
  readonly pass: Pick<Pass, 'number'> | undefined;
  /** Hands over what the state has to say. */
  readonly teller: Teller | undefined;
}

async function repair(context: Context, pool: Pool, dataset: Source, run: Run): Promise<Outcome> {
  const { clock, denoiser, state, positions } = run;
  const { refuse } = run.open;
  const begun = await clock.time('observer', () => begin(context, dataset, { ...run, refuse }));
  const { info, store } = begun;
  const changes = writesChanges(context);
  const lineOf = changes ? releaseLines(store) : undefined;
  const memory = state && new RunMemory(context, state, { positions, lineOf });
  try {
    await state?.bind(identityOf(context, denoiser, info), info.classes);
    const found = await clock.time('observer', () => observerOf(context, pool, begun, memory));
    const parts = { ...run, ...begun, ...found, memory, writer: changes ? openNowhere() : undefined };
    const purified = await purifyInto(context, pool, parts);
    await finish(context, run, { purified, info, samples: store.count, memory });
    return { verdict: purified.verdict, info, teller: run.teller };
  } finally {
    memory?.dispose();
    begun.dispose();
  }
}

interface Finished {
  readonly purified: Purified;
  readonly info: DatasetInfo;
  readonly samples: number;
  readonly memory: RunMemory | undefined;
}

/** Completes the record, and makes the run the state's last one. */
async function finish(
  context: Context,
  { open: { record, quarantine }, clock, teller, pass }: Run,
  { purified, info, samples, memory }: Finished,
): Promise<void> {
  const { log, stdout, tally } = context;
  const { verdict, denoiserCalls, written, dropped } = purified;
  quarantine.close();
  record.finish({
    dataset: { name: info.name, train: samples, classes: info.classes },
    detection: { targetLabels: verdict.targetLabels },
    cost: costOf(clock, denoiserCalls, samples),
    ...(tally && { totals: tally.totals }),
  });
  await memory?.commit();
  await teller?.tell(memory?.changed);
  const corrected = memory ? `, ${memory.corrected} corrected` : '';
  log.info(
    'purify',
    `${written} written, ${dropped} dropped, ${quarantine.count} quarantined${corrected}: ${record.folder}`,
    {
      event: 'purified',
      ...{ written, dropped, quarantined: quarantine.count, corrected: memory?.corrected },
      path: record.folder,
    },
  );
  if (pass && memory) {
    const seconds = Object.values(clock.seconds).reduce((sum, value) => sum + value, 0);
    const { targetLabels } = verdict;
    const news = { ...memory.news, quarantined: quarantine.count, targetLabels, seconds };
    log.info('follow', passInWords(pass.number, news), { event: 'pass', pass: pass.number, ...news });
  }
  tally?.endPass(true);
  if (!toStandardOutput(context)) stdout.write(`${JSON.stringify(verdict)}\n`);
}
