// `--follow`: a run with a state, again and again, as often as something has come. Each pass is what calling the
// program again would be, on the same state, and costs what is new. Nothing but the samples of a file that grows is held
// from pass to pass, so that there is little that only a program which runs for days could get wrong. Ends with the
// signal that interrupts it.

import { follow, type Look } from '../../streams/follow.ts';
import type { DatasetInfo } from '../datasets/dataset.ts';
import { scan } from '../datasets/finished.ts';
import { SHAPES } from '../datasets/formats.ts';
import { Quiet } from '../datasets/quiet.ts';
import type { ImageShape } from '../datasets/sample.ts';
import { ConfigError, DatasetError } from '../errors.ts';
import type { Claim } from '../files/work-folder.ts';
import { claimRecord, RECORD_PARTS } from '../state/record.ts';
import type { State } from '../state/state.ts';
import { CORRECTIONS } from './changes.ts';
import type { Context } from './context.ts';
import { type Growing, trainingPaths } from './datasets.ts';
import { withState } from './memory.ts';
import { STANDARD } from './paths.ts';
import { recordFolder } from './record.ts';
import { growingFile, TailedStore } from './tailed-store.ts';

/** How a pass differs from a run of its own. */
export interface Pass extends Growing {
  /** From 1. */
  readonly number: number;
  /** Parts of the record that stay until they are written again. */
  readonly keep: readonly string[];
  /** The claim on the record, for all passes. */
  readonly claimed: Claim;
  /** Samples that stay from pass to pass, where the source is a file that grows. */
  readonly tail: TailedStore | undefined;
  /** Whether that holds what passes before have read. */
  readonly goesOn: boolean;
}

/** Works on all that is finished. */
type OnePass = (state: State, pass: Pass) => Promise<DatasetInfo>;

/** Milliseconds between two looks at the files. */
const PAUSE = { least: 100, most: 1000 };

/**
 * Passes over the sources until the context's signal aborts.
 *
 * @param onePass where it finds no dataset that can be read, it is tried again
 * @throws {ConfigError} when there is no state, or no file or folder to watch; whatever else `onePass` throws
 */
export async function followSources(context: Context, onePass: OnePass): Promise<void> {
  const { settings, signal } = context;
  checkFollowed(context);
  const { interval } = settings.follow;
  const quiet = new Quiet(settings.follow.quiet);
  await withState(context, (state) => {
    const sources = new Sources(context, quiet);
    const pause = Math.min(PAUSE.most, Math.max(PAUSE.least, 500 * quiet.seconds));
    return withTail(context, (tail, claimed) => {
      const pass = passing(context, quiet, state!, onePass, tail, claimed);
      return follow({ look: () => sources.look(), pass, pause, interval: 1000 * interval }, signal);
    });
  });
}

/** Runs `work` with the claim on the record, and what keeps samples between passes, where there is use for that. */
async function withTail(
  context: Context,
  work: (tail: TailedStore | undefined, claimed: Claim) => Promise<never>,
): Promise<never> {
  const { settings } = context;
  const path = growingFile(settings, await trainingPaths(context).catch(() => []));
  const claimed = await claimRecord(recordFolder(context));
  const tail =
    path === undefined ? undefined : new TailedStore(path, claimed.folder, settings.dataset.maxPixels);
  return work(tail, claimed).finally(() => {
    tail?.reset();
    return claimed.release();
  });
}

function checkFollowed({ settings: { state, dataset } }: Context): void {
  if (state.path === null) {
    throw new ConfigError(
      'follow.enabled: expected a state that keeps what was worked out, found none; pass --state FOLDER',
    );
  }
  const fixed = dataset.train.find((source) => source === STANDARD || source.startsWith(SHAPES));
  if (fixed === undefined && dataset.train.length > 0) return;
  throw new ConfigError(
    `follow.enabled: expected files or folders to watch, found ${fixed ?? 'none'}; name them as dataset.train`,
  );
}

/** The files of the sources, looked at from time to time. */
export class Sources {
  readonly #context: Pick<Context, 'settings' | 'locate' | 'log'>;
  readonly #quiet: Quiet;
  /** When the first look at something began, on the monotonic clock. */
  #begun: number | undefined;
  /** Files of several samples that were there; any may have been before the first look. */
  #shards: ReadonlySet<string> | undefined;
  #said = '';

  constructor(context: Pick<Context, 'settings' | 'locate' | 'log'>, quiet: Quiet) {
    this.#context = context;
    this.#quiet = quiet;
  }

  /** What may be read now; undefined where that is nothing, or a file is about to be replaced. */
  async look(): Promise<Look | undefined> {
    const paths = await this.#orWait(trainingPaths(this.#context), 'for a source');
    const found = paths && (await this.#orWait(scan(paths, this.#quiet), 'until all can be read'));
    if (!found) return undefined;
    const { version, count, shards, unfinished, left, missing, settled } = found;
    const now = performance.now();
    this.#begun ??= now;
    if (missing.length > 0) return this.#wait(`for ${missing[0]}`);
    // leaving it out would take back all of its samples
    const known = unfinished.find((path) => this.#shards?.has(path) ?? true);
    if (known !== undefined) return this.#wait(`until ${known} is finished`);
    if (count === 0) return this.#wait('for the first finished file');
    // where the clock was set back, files seem to have changed that an earlier start has read
    if (left > 0 && now < this.#begun + 1000 * this.#quiet.seconds) {
      return this.#wait('until files are finished that seem to have changed just now');
    }
    this.#said = '';
    this.#shards = new Set(shards);
    return { version, settled };
  }

  /** Patterns may match nothing yet, or nothing any more where a mount is gone; a disk may fail for a while. */
  #orWait<T>(looking: Promise<T>, what: string): Promise<T | undefined> {
    return looking.catch((error: Error) => {
      if (error instanceof DatasetError) return this.#wait(`${what}: ${error.message}`);
      throw error;
    });
  }

  #wait(text: string): undefined {
    if (this.#said !== text)
      this.#context.log.info('follow', `waiting ${text}`, { event: 'waiting', reason: text });
    this.#said = text;
  }
}

/** Makes the passes: the first begins the record, the later ones write over it. */
function passing(
  context: Context,
  quiet: Quiet,
  state: State,
  onePass: OnePass,
  tail: TailedStore | undefined,
  claimed: Claim,
): () => Promise<boolean> {
  const { log, tally } = context;
  let keep: readonly string[] = [CORRECTIONS];
  let names: readonly string[] = [];
  let number = 1;
  return async () => {
    try {
      tally?.restart();
      const goesOn = (await tail?.goesOn()) ?? false;
      const known = (ids: readonly string[]) => state.knows(ids);
      const growing = { quiet, known, shape: shapeOf(state), classes: tail?.classes };
      const { classNames = [] } = await onePass(state, { ...growing, number, keep, claimed, tail, goesOn });
      number += 1;
      const labels = [...names.keys()].filter((label) => names[label] !== classNames[label]);
      if (labels.length > 0) log.warn('follow', MOVED, { event: 'labels-moved', labels });
      names = classNames;
      keep = RECORD_PARTS.filter((part) => part !== 'log.txt');
      return true;
    } catch (error) {
      if (!(error instanceof DatasetError)) throw error;
      tail?.reset();
      tally?.endPass(false);
      const { code, message: reason } = error;
      log.warn('follow', `${reason} (trying again)`, { event: 'retrying', code, reason });
      return false;
    }
  };
}

const MOVED =
  'expected class folders that come after those there were, found that labels have moved and samples were corrected; ' +
  'name class folders by numbers, or make all of them before';

/** Of the images that a state is bound to. */
function shapeOf({ identity }: State): ImageShape | undefined {
  if (!identity) return undefined;
  const [channels, height, width] = String(identity.shape).split('×').map(Number) as [number, number, number];
  return [channels, height, width];
}
