// The self-check: images with known triggers go the way of all samples, and it is seen what becomes of them. Where the
// observer was taught the triggers, the very copies that taught it are looked at: they are poison in all but name.

import type { Sample } from '../../src/datasets/sample.ts';
import type { SampleStore } from '../../src/datasets/store/sample-store.ts';
import { Residuals } from '../../src/defense/evidence/residuals.ts';
import type { Scored, ScoreSample } from '../../src/defense/evidence/score-sample.ts';
import { majorityOf } from '../../src/defense/evidence/transitions.ts';
import type { Naming } from '../../src/defense/repair/naming.ts';
import {
  type CanaryFinding,
  type CanaryStamp,
  canaryFinding,
  canaryStamps,
  removedShare,
} from '../../src/defense/verdict/canary.ts';
import type { Canaries, LabelsWith } from '../../src/defense/verdict/questions.ts';
import { stamped } from '../../src/defense/verdict/stamp.ts';
import type { Outcome } from '../../src/errors.ts';
import type { Runner } from '../../src/ports/runner.ts';
import { ask, labelsOf, mapped } from './ask.ts';

/** An observer that was taught triggers: the k-th kind by copies of some samples, as the k-th class behind the others. */
export interface Planted {
  readonly kinds: readonly string[];
  /** Places of the copied samples in the store, by kind. */
  readonly copied: readonly (readonly number[])[];
  /** Asks that observer. */
  readonly runner: Runner;
}

export interface CanaryParts {
  readonly store: SampleStore;
  readonly runner: Runner;
  readonly batch: number;
  /** Canaries of each kind at most; 0 for none. */
  readonly canaries: number;
  readonly planted?: Planted | undefined;
}

/** Has canaries of every kind diffused and observed like any others. */
export async function canariesOf(scores: ScoreSample, naming: Naming, parts: CanaryParts): Promise<Canaries> {
  const { store, planted } = parts;
  const findings: CanaryFinding[] = [];
  const residuals = new Residuals(store.shape[0] * store.shape[1] * store.shape[2]);
  for (const [kind, stamp] of Object.entries(canaryStamps(store.shape))) {
    const taught = taughtIn(planted, kind, scores);
    const chosen = taught ? copiesOf(taught.places, scores, parts.canaries) : scores.take(parts.canaries);
    const answers = await ask(chosen, parts, (images) => looked(kind, images, stamp, taught, parts.runner));
    const canaries = answers.map(({ of, answer: { raw, stamped, purified, moved, obeyed, scores } }) => {
      if (taught) residuals.add(taught.label, moved, stamped, purified);
      return {
        removed: removedShare(raw, stamped, purified),
        recovered: moved && naming.nameOf(scores) === naming.nameOf(of.scores),
        ...(taught && { obeyed }),
      };
    });
    const learned = taught && (await learnedShare(taught.label, stamp, scores, planted!, parts));
    const finding = canaryFinding(kind, canaries, learned);
    if (finding) findings.push(finding);
  }
  if (!planted) return { findings };
  const { kinds, copied, runner } = planted;
  const copies = copied.map(({ length }) => length);
  return { findings, taught: { kinds, copies, residuals, labelsWith: labelsBy(runner, parts) } };
}

/** What an observer was taught of one kind. */
interface TaughtKind {
  readonly label: number;
  readonly places: readonly number[];
  readonly runner: Runner;
  /** Classes of the dataset. */
  readonly classes: number;
}

function taughtIn(
  planted: Planted | undefined,
  kind: string,
  { classes }: ScoreSample,
): TaughtKind | undefined {
  const k = planted?.kinds.indexOf(kind) ?? -1;
  if (!planted || k < 0) return undefined;
  return { label: classes + k, places: planted.copied[k]!, runner: planted.runner, classes };
}

/** Asks an observer about images with a stamp. */
export function labelsBy(observer: Runner, parts: CanaryParts): LabelsWith {
  return async (images, stamp) => {
    const answers = await ask(images, parts, (some) =>
      labelsOf(
        stamp ? some.map((image) => ({ ...image, pixels: stamped(image.pixels, stamp) })) : some,
        observer,
      ),
    );
    return answers.map(({ answer }) => answer);
  };
}

/** Scores of the samples at some places, as far as the evidence holds them. */
function copiesOf(places: readonly number[], scores: ScoreSample, most: number): Scored[] {
  const copied = new Set(places);
  return scores.take(most, ({ index }) => index !== undefined && copied.has(index));
}

/** Share of images that taught nobody anything which the observer calls by the trigger's class, with the trigger. */
async function learnedShare(
  label: number,
  stamp: CanaryStamp,
  scores: ScoreSample,
  { copied, runner }: Planted,
  parts: CanaryParts,
): Promise<number> {
  const taught = new Set(copied.flat());
  const others = scores.take(parts.canaries, ({ index }) => index !== undefined && !taught.has(index));
  const answers = await ask(others, parts, (images) =>
    labelsOf(
      images.map((image) => ({ ...image, pixels: stamp(image.pixels) })),
      runner,
    ),
  );
  return answers.filter(({ answer }) => answer === label).length / Math.max(1, answers.length);
}

/** What an observer saw of a canary. */
interface Seen {
  readonly raw: Uint8Array;
  readonly stamped: Uint8Array;
  readonly purified: Uint8Array;
  /** Whether it called the stamped image by the trigger's class, and calls most purified ones by another. */
  readonly obeyed: boolean;
  readonly moved: boolean;
  /** [C] as the records hold them. */
  readonly scores: readonly number[];
}

/** Stamps images, and looks at what becomes of them, with the observer that was taught the stamp where there is one. */
async function looked(
  kind: string,
  images: readonly Sample[],
  stamp: CanaryStamp,
  taught: TaughtKind | undefined,
  runner: Runner,
): Promise<Outcome<readonly Seen[]>> {
  const samples = images.map(({ id, pixels, ...image }) => ({
    ...image,
    id: `canary/${kind}/${id}`,
    pixels: stamp(pixels),
  }));
  const candidates = await runner.diffuse(samples, 'canary');
  const seen = candidates.ok ? await (taught?.runner ?? runner).observe(candidates.value) : candidates;
  return mapped(seen, ({ raw, labels, scores, purified }, i) => ({
    raw: images[i]!.pixels,
    stamped: samples[i]!.pixels,
    purified,
    obeyed: raw === taught?.label,
    moved: majorityOf(labels) !== taught?.label,
    scores: taught ? amongClasses(scores, taught.classes) : scores,
  }));
}

/** [C] scores given that it is one of the dataset's classes, of [C + K]. */
function amongClasses(scores: readonly number[], classes: number): readonly number[] {
  const own = scores.slice(0, classes);
  const total = Math.log(own.reduce((sum, score) => sum + Math.exp(score), 0));
  return own.map((score) => score - total);
}
