// What becomes of a sample of a flagged class, as a policy of a few values: what to do at once (step 6 of
// DataElixir), what to believe the benign model (step 7), and which of a sample's images may take the raw image's
// place. The paper's policy keeps raw images where nothing moved; the default lets no raw image of a flagged class
// through, because a trigger that did not flip the label is still a trigger.

import { imagesLabelled, type KeptImages, keepCandidates } from '../evidence/transitions.ts';
import { agrees } from '../paper/consensus.ts';
import type { Naming } from './naming.ts';
import { decideOutcome, type OutcomeRule } from './outcome.ts';

/**
 * `keep` the raw image and the given label; `restore` the image where the trigger stands and take the observer's
 * label of the result; `subtract` the trigger and do the same; `relabel` the raw image; `purify` the whole image by taking
 * a candidate; `wait` for the benign model; or `drop` it.
 */
export type Action = 'keep' | 'restore' | 'subtract' | 'relabel' | 'purify' | 'wait' | 'drop';

/**
 * How samples of flagged classes are repaired. `rules` treats them by step 6 of the paper, as `actions` says; all others
 * go by what the sample carries and what the calibrated observer names it: `purify` takes a purified image with that
 * name, `relabel` the raw image with it, `drop` leaves it out. `auto` purifies just where a trigger of small extent
 * stands, in samples that may carry it; where it is everywhere, it takes it off the samples that carry it, if it is the
 * same in all, or purifies them, or leaves them out if their label is right; where those cannot be told, it relabels, so
 * that the trigger no longer speaks for one label. What nobody can be sure of is left out by all of them.
 */
export type RepairMethod = 'auto' | 'purify' | 'relabel' | 'drop' | 'rules';

export interface RepairPolicy {
  readonly method: RepairMethod;
  /** τ of step 3: from so many candidates of the second label on, all are kept. */
  readonly minority: number;
  /** What happens at once to samples of flagged classes, by the rule of step 6. */
  readonly actions: Readonly<Record<Exclude<OutcomeRule, 'unflagged'>, Action>>;
  /** Whether the raw image is among those that step 5 may take. */
  readonly rawAllowed: boolean;
  /** Probability, in [0, 1], that the benign model must give its label; a waiting sample below it is dropped. */
  readonly confidence: number;
}

/** The reference implementation. */
export const PAPER_POLICY: RepairPolicy = {
  method: 'rules',
  minority: 5,
  actions: { stable: 'keep', unanimous: 'purify', mixed: 'wait' },
  rawAllowed: true,
  confidence: 0,
};

/**
 * Every sample of a flagged class is purified, but only where the trigger stands: classes whose images are all
 * smoothed train a model that misses the real ones (docs/experiments.md).
 */
export const DEFAULT_POLICY: RepairPolicy = {
  method: 'auto',
  minority: 2,
  actions: { stable: 'restore', unanimous: 'restore', mixed: 'restore' },
  rawAllowed: false,
  confidence: 0,
};

/** What the observer said of one sample. */
export interface ObservedLabels {
  /** The label that came with the sample. */
  readonly label: number;
  readonly raw: number;
  readonly labels: readonly (readonly number[])[];
}

/** What is to be done with one sample, and why. */
export interface Repair {
  readonly action: Action;
  /** The sample's label from now on; of a waiting one, the label that most candidates have. */
  readonly label: number;
  /**
   * Whether the observer names the restored image instead: by any label, or by any other than the given one; or only has it
   * left out where it says any other (`doubt`).
   */
  readonly observed?: 'any' | 'other' | 'doubt';
  /** Images that may be taken (0 raw, 1 + k the k-th candidate), ascending; only where the action is `purify`. */
  readonly among: readonly number[];
  readonly rule: OutcomeRule | 'named' | 'agreed' | 'consensus';
  readonly reason: string;
}

/** What a classifier says of one image. */
export interface Prediction {
  readonly label: number;
  /** Its probability of that label, in [0, 1]. */
  readonly confidence: number;
}

/** Step 6: what happens to a sample when the target labels are known. */
export function decideRepair(
  sample: ObservedLabels,
  targets: readonly number[],
  policy: RepairPolicy,
): Repair {
  const kept = keepCandidates(sample.raw, sample.labels, policy.minority);
  const { label, rule } = decideOutcome(sample.label, kept, targets.includes(sample.label));
  if (rule === 'unflagged')
    return { action: 'keep', label, among: [], rule, reason: 'its class is not flagged' };
  const action = policy.actions[rule];
  const among = action === 'purify' ? imagesToTake(kept, sample, label, policy) : [];
  const reason = reasonOf(rule, sample, kept);
  const asks = action === 'restore' && sample.raw === sample.label;
  return { action, label, among, rule, reason, ...(asks && { observed: 'any' }) };
}

/** What is known of one sample of a flagged class, and of its class. */
export interface Suspect {
  /** Whether the class's trigger is known to be of small extent. */
  readonly local: boolean;
  /** Whether the class's trigger is known to be laid over whole images, so that it can be taken off. */
  readonly overlaid: boolean;
  /** Whether the class's poison may have its true label. */
  readonly cleanLabel: boolean;
  /** Whether the sample carries the trigger; undefined where nobody can tell. */
  readonly carries: boolean | undefined;
}

/**
 * What happens to a sample of a flagged class by the name that its purified images earn.
 *
 * @param scores [C] of the sample's record
 */
export function decideNamed(
  sample: ObservedLabels & { readonly scores: ArrayLike<number> },
  naming: Naming,
  suspect: Suspect,
  { method }: Pick<RepairPolicy, 'method'>,
): Repair {
  const { local, overlaid, cleanLabel, carries } = suspect;
  const given = sample.label;
  const name = naming.nameOf(sample.scores);
  const why = `class ${given} is flagged; the purified images show ${name}`;
  const settled = (action: Action, label: number, reason: string): Repair => {
    const among = action === 'purify' ? sample.labels.flat().map((_, k) => k + 1) : [];
    return { action, label, among, rule: 'named', reason };
  };
  const sure = naming.isSure(given, sample.scores);
  const leaves = sure && name !== given;
  const byPlace = method === 'auto' && local;
  // two opinions, and both are rarely wrong; where they differ a small trigger's place is purified, in case
  if (carries === false && !(byPlace && leaves)) {
    return settled(leaves ? 'drop' : 'keep', given, `${why}; the sample does not carry the trigger`);
  }
  if (byPlace) return { ...settled('restore', given, why), ...namedBy(sample, naming, suspect) };
  const byItself = carries ? 'purify' : 'relabel';
  const treatment = method === 'auto' ? byItself : method === 'rules' ? 'drop' : method;
  if (carries) {
    const found = `${why}; the sample carries the trigger`;
    // there is no other label to give, and a faint trigger survives purification (docs/experiments.md)
    if (cleanLabel)
      return settled(method === 'auto' || treatment === 'drop' ? 'drop' : 'purify', given, found);
    if (method === 'auto' && overlaid) return settled('subtract', given, found);
    const even = naming.confidenceOf(given, sample.scores) >= EVEN;
    return settled(even ? treatment : 'drop', name, found);
  }
  if (!sure) {
    return settled('drop', name, `${why}, but by no more than honest samples do`);
  }
  return settled(name === given ? 'keep' : treatment, name, why);
}

/** Poison gets the name that its purified images show where that is right at least as often as not. */
const EVEN = 0.5;

/** An observer that was trained with the trigger is surer than right without it: by 0.7 it is right four times in five. */
const SURE = 0.7;

/**
 * The label of an image whose trigger is replaced: the observer's, if it carried one, but not the given one, which the
 * observer may have learned by heart. Where nobody can tell, it did if the observer called the raw image as it was given,
 * else no trigger spoke for that label; then the purified images do, if nearly all that leave so far are poison. A class that
 * its stamp alone accuses has clean-label poison, or too little of the other kind for its flow to show: what shows another
 * label when it is purified, and again without the trigger, is left out.
 */
function namedBy(
  sample: ObservedLabels & { readonly scores: ArrayLike<number> },
  naming: Naming,
  { cleanLabel, carries }: Suspect,
): Partial<Pick<Repair, 'label' | 'observed'>> {
  const name = naming.nameOf(sample.scores);
  if (cleanLabel) {
    return name !== sample.label && sample.raw === sample.label ? { observed: 'doubt' } : {};
  }
  if (carries) {
    const even = naming.confidenceOf(sample.label, sample.scores) >= EVEN;
    return { label: even ? name : sample.label, observed: 'other' };
  }
  if (sample.raw === sample.label) return { observed: 'any' };
  return naming.isSure(sample.label, sample.scores) ? { label: name } : {};
}

/** What becomes of a restored image that the observer calls `seen`. */
export function decideRestored(repair: Repair, given: number, seen: number): Repair {
  const { observed } = repair;
  if (observed === 'any' || (observed === 'other' && seen !== given)) return { ...repair, label: seen };
  const nameless = observed === 'other' && repair.label === given;
  return nameless || (observed === 'doubt' && seen !== given) ? { ...repair, action: 'drop' } : repair;
}

/** What becomes of an image from which the trigger was taken: the observer names it where it is sure of another label. */
export function decideSubtracted(repair: Repair, given: number, { label, confidence }: Prediction): Repair {
  const named = label !== given && confidence >= SURE;
  return named ? { ...repair, label } : { ...repair, action: 'drop' };
}

/** Step 7, first half: settles a waiting sample whose majority label the benign model shares; others wait on. */
export function decideAgreed(sample: ObservedLabels, prediction: Prediction, policy: RepairPolicy): Repair {
  const kept = keepCandidates(sample.raw, sample.labels, policy.minority);
  const label = kept.majority;
  const reason = `${votes(sample, label)} and the benign model say ${label}`;
  const agreed = agrees(label, prediction.label) && prediction.confidence >= policy.confidence;
  if (!agreed) return { action: 'wait', label, among: [], rule: 'mixed', reason };
  return {
    action: 'purify',
    label,
    among: imagesToTake(kept, sample, label, policy),
    rule: 'agreed',
    reason,
  };
}

/** Step 7, second half: the benign model names the label, if it is sure enough. */
export function decideConsensus(
  sample: ObservedLabels,
  prediction: Prediction,
  policy: RepairPolicy,
): Repair {
  const kept = keepCandidates(sample.raw, sample.labels, policy.minority);
  const { label, confidence } = prediction;
  const reason = `the benign model says ${label} with confidence ${confidence.toFixed(3)}, as ${votes(sample, label)}`;
  if (confidence < policy.confidence) {
    return { action: 'drop', label: sample.label, among: [], rule: 'consensus', reason };
  }
  const among = imagesToTake(kept, sample, label, policy);
  return { action: 'purify', label, among, rule: 'consensus', reason };
}

/** Kept images with the label; where the raw image is not allowed and no candidate has the label, all candidates. */
function imagesToTake(
  kept: KeptImages,
  sample: ObservedLabels,
  label: number,
  policy: RepairPolicy,
): readonly number[] {
  const labelled = imagesLabelled(kept, label);
  if (policy.rawAllowed) return labelled;
  const candidates = labelled.filter((index) => index > 0);
  return candidates.length > 0 ? candidates : sample.labels.flat().map((_, k) => k + 1);
}

function reasonOf(rule: OutcomeRule, sample: ObservedLabels, kept: KeptImages): string {
  if (rule === 'stable') return `class ${sample.label} is flagged; all kept images say ${kept.majority}`;
  return `class ${sample.label} is flagged; raw image says ${sample.raw}, ${votes(sample, kept.majority)} say ${kept.majority}`;
}

/** "7 of 10 candidates", counting those with the label. */
function votes(sample: ObservedLabels, label: number): string {
  const all = sample.labels.flat();
  return `${all.filter((found) => found === label).length} of ${all.length} candidates`;
}
