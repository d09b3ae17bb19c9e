// Steps 5 and 6 on the stream: a decision on a sample becomes its final image and label. Raw images come back
// from the store; purified ones are made again by the runner, and only for the samples that need one.

import { bufferCount, mergeMap, type OperatorFunction, pipe } from 'rxjs';
import type { Sample } from '../../src/datasets/sample.ts';
import type { SampleStore } from '../../src/datasets/store/sample-store.ts';
import { withoutOverlay } from '../../src/defense/carriers/overlaid.ts';
import {
  type Action,
  decideRestored,
  decideSubtracted,
  type Repair,
} from '../../src/defense/repair/repair.ts';
import type { Outcome } from '../../src/errors.ts';
import type {
  ManifestEntry,
  PlacedRecord,
  Refuse,
  Refused,
  SettledSample,
  WaitingSample,
} from '../../src/ports/records.ts';
import type { Runner } from '../../src/ports/runner.ts';
import { inOrder } from '../operators/in-order.ts';
import { type Either, quarantine } from '../operators/quarantine.ts';
import { mapped } from './ask.ts';
import { attemptedInBatches } from './attempts.ts';
import { rawSamples } from './raw-samples.ts';

/** A record and what is to be done with its sample. */
export interface Planned {
  readonly record: PlacedRecord;
  readonly repair: Repair;
  /** Where the image is purified, if the repair is to restore it: uint8 [H, W]; all of it where undefined. */
  readonly mask?: Uint8Array | undefined;
  /** What is to be subtracted, if the repair says so: float32 [C, H, W]. */
  readonly overlay?: Float32Array | undefined;
}

export interface SettleParts {
  readonly runner: Runner;
  readonly store: SampleStore;
  /** Images a call of the runner. */
  readonly batch: number;
  /** Decisions carried out together, at most half of the samples in flight: the larger, the fuller the batches. */
  readonly group: number;
  readonly refuse: Refuse;
}

/** Carries the decisions out, in the order in which they come. Samples that wait pass as they are. */
export function settle(parts: SettleParts): OperatorFunction<Planned, SettledSample | WaitingSample> {
  return pipe(
    bufferCount(parts.group),
    inOrder(2, (group) => settleGroup(group, parts)),
    mergeMap((group) => group),
    quarantine(parts.refuse),
  );
}

type Settled = Either<SettledSample | WaitingSample, Refused>;

/** One sample with its raw image and the decision on it. */
interface Case {
  readonly planned: Planned;
  readonly raw: Sample;
}

async function settleGroup(group: readonly Planned[], parts: SettleParts): Promise<readonly Settled[]> {
  const records = group.map(({ record }) => record);
  const raw = rawSamples(parts.store, records);
  const cases = group.map((planned, at) => ({ planned, raw: raw[at]! }));
  const carriedOut = await Promise.all(
    WORKS.map(async ([action, work]) => {
      const some = cases.filter(({ planned }) => planned.repair.action === action);
      const settled = attemptedInBatches(
        'select',
        some,
        parts.batch,
        ({ raw }) => raw.id,
        (few) => work(few, parts.runner),
      );
      return [action, (await settled).values()] as const;
    }),
  );
  const next = new Map<Action, Iterator<Settled>>(carriedOut);
  return cases.map(
    (item) => next.get(item.planned.repair.action)?.next().value ?? { ok: true, value: untouched(item) },
  );
}

type Work = (cases: readonly Case[], runner: Runner) => Promise<Outcome<readonly SettledSample[]>>;

/** Actions that ask the runner; all others take raw images as they are, or none. */
const WORKS: readonly (readonly [Action, Work])[] = [
  ['purify', choose],
  ['restore', restore],
  ['subtract', subtract],
];

/** Step 5: takes one of the sample's own candidates. */
async function choose(cases: readonly Case[], runner: Runner): Promise<Outcome<readonly SettledSample[]>> {
  const images = await runner.choose(
    cases.map(({ planned, raw }) => ({ sample: raw, among: planned.repair.among })),
  );
  return mapped(images, (pixels, i) => settledWith(cases[i]!, 'purified', pixels));
}

/** Purifies where the trigger stands. */
async function restore(cases: readonly Case[], runner: Runner): Promise<Outcome<readonly SettledSample[]>> {
  const repaired = await runner.restore(
    cases.map(({ planned, raw }) => ({ sample: raw, mask: planned.mask })),
  );
  return mapped(repaired, ({ pixels, label: seen }, i) => {
    const { planned, raw } = cases[i]!;
    const decided = decideRestored(planned.repair, raw.label, seen);
    const why = `the observer says ${planned.record.raw}, and without the trigger ${seen}`;
    return decidedWith(cases[i]!, decided, why, pixels);
  });
}

/** Takes the trigger off, as a whole. */
async function subtract(cases: readonly Case[], runner: Runner): Promise<Outcome<readonly SettledSample[]>> {
  const images = cases.map(({ planned, raw }) => ({
    ...raw,
    pixels: withoutOverlay(raw.pixels, planned.overlay!),
  }));
  return mapped(await runner.classify(images), (seen, i) => {
    const { planned, raw } = cases[i]!;
    const decided = decideSubtracted(planned.repair, raw.label, seen);
    const why = `with the trigger subtracted the observer says ${seen.label} by ${seen.confidence.toFixed(2)}`;
    return decidedWith(cases[i]!, decided, why, images[i]!.pixels);
  });
}

/** The image as repaired, or none, as was decided when the observer had seen it. */
function decidedWith(
  { planned, raw }: Case,
  decided: Repair,
  why: string,
  pixels: Uint8Array,
): SettledSample {
  const item = { planned: { ...planned, repair: { ...decided, reason: `${decided.reason}; ${why}` } }, raw };
  return decided.action === 'drop' ? dropped(item) : settledWith(item, 'purified', pixels);
}

function untouched(item: Case): SettledSample | WaitingSample {
  const { record, repair } = item.planned;
  if (repair.action === 'wait') return { kind: 'waiting', record };
  return repair.action === 'drop' ? dropped(item) : settledWith(item, 'raw', item.raw.pixels);
}

function dropped(item: Case): SettledSample {
  return settledWith(item, 'none', item.raw.pixels);
}

function settledWith(
  { planned: { record, repair }, raw }: Case,
  image: ManifestEntry['image'],
  pixels: Uint8Array,
): SettledSample {
  const { label, reason } = repair;
  const rule = repair.action === 'drop' ? 'dropped' : repair.rule;
  return {
    kind: 'settled',
    index: record.index,
    sample: { ...raw, label, pixels },
    entry: { id: raw.id, given: raw.label, label, image, rule, reason },
  };
}
