// Step 7 of DataElixir, the decisions of it. The benign model was trained on what is settled and never saw a
// suspicious sample; where it agrees with the candidates the sample can teach it, elsewhere its own label counts.

import { imagesLabelled, type KeptImages } from './transitions.ts';

/** Whether a suspicious sample joins the fine-tuning with its majority label: the benign model must see it in the raw image too. */
export function joinsFineTuning(kept: KeptImages, benignLabel: number): boolean {
  return kept.majority === benignLabel;
}

/**
 * The images to choose from (step 5) once the benign model has named a label: the raw image, first, and the
 * candidates that the observer gave that label; where it gave none, all kept images.
 *
 * @returns ascending indices, 0 the raw image, 1 + k the k-th candidate
 */
export function consensusImages(kept: KeptImages, benignLabel: number): readonly number[] {
  const labelled = imagesLabelled(kept, benignLabel);
  return labelled.length > 1 ? labelled : kept.indices;
}
