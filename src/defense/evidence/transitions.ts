// Step 3 of DataElixir: which of a sample's images, raw and candidates, count. A label that a handful of
// candidates show is noise of the diffusion; one that at least τ show is a transition.

/** What is left of one sample's images after step 3. Index 0 is the raw image, 1 + k the k-th candidate. */
export interface KeptImages {
  /** Ascending indices of the images kept; the raw image always is. */
  readonly indices: readonly number[];
  /** Their labels, in the same order. */
  readonly labels: readonly number[];
  /** Most frequent label of the candidates; of equals, the one met first. */
  readonly majority: number;
}

/**
 * Applies the minority threshold.
 *
 * @param raw      observer's label of the raw image
 * @param labels   observer's labels of the candidates, one row a round, in order of time; at least one label
 * @param minority τ: from so many candidates of the second most frequent label on, all are kept
 */
export function keepCandidates(
  raw: number,
  labels: readonly (readonly number[])[],
  minority: number,
): KeptImages {
  const candidates = labels.flat();
  const [first, second] = frequencies(candidates);
  const keepsAll = (second?.count ?? 0) >= minority;
  const indices = [0];
  const kept = [raw];
  candidates.forEach((label, k) => {
    if (!keepsAll && label !== first.label) return;
    indices.push(1 + k);
    kept.push(label);
  });
  return { indices, labels: kept, majority: first.label };
}

/** Most frequent label; of equals, the one met first. @param labels at least one */
export function majorityOf(labels: readonly (readonly number[])[]): number {
  return frequencies(labels.flat())[0].label;
}

/** Whether the kept images do not all carry one label: only such samples testify in step 4. */
export function hasTransition(kept: KeptImages): boolean {
  return kept.labels.some((label) => label !== kept.labels[0]);
}

/** Indices (raw image 0, candidates from 1) of the kept images with a label; the raw image is always the first. */
export function imagesLabelled(kept: KeptImages, label: number): number[] {
  return kept.indices.filter((index, at) => index === 0 || kept.labels[at] === label);
}

interface Frequency {
  readonly label: number;
  readonly count: number;
}

/** Labels by falling frequency, equals in the order in which they were met. @throws {RangeError} when there are none */
function frequencies(labels: readonly number[]): readonly [Frequency, ...Frequency[]] {
  const [only] = labels;
  if (only !== undefined && labels.every((label) => label === only))
    return [{ label: only, count: labels.length }];
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const [first, ...others] = [...counts]
    .map(([label, count]) => ({ label, count }))
    .sort((a, b) => b.count - a.count);
  if (first === undefined) throw new RangeError(`expected at least one candidate label, found none`);
  return [first, ...others];
}
