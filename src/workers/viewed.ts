// A classifier that takes images in another range than [−1, 1], or has its classes in another order than the dataset, made to
// look like one that was trained here.

import type { ImageShape } from '../datasets/sample.ts';
import type { Classified, ClassifierView } from './protocol.ts';

export interface LoadedClassifier {
  /** Numbers of one image: C·H·W. */
  readonly imageSize: number;
  /** @param x in [−1, 1]; may be written to */
  readonly run: (x: Float32Array) => Promise<Classified>;
}

/** @param shape [C, H, W] of the images that it will see */
export function viewed(
  { imageSize, run }: LoadedClassifier,
  { scale, shift, outputs }: ClassifierView,
  [, height, width]: ImageShape,
): LoadedClassifier {
  const area = height * width;
  return {
    imageSize,
    run: async (x) => {
      for (let at = 0, c = 0; at < x.length; at += area, c = (c + 1) % scale.length) {
        const [factor, offset] = [scale[c]!, shift[c]!];
        for (let i = at; i < at + area; i++) x[i] = factor * x[i]! + offset;
      }
      const { probabilities, features } = await run(x);
      return { probabilities: outputs ? ordered(probabilities, outputs) : probabilities, features };
    },
  };
}

/** [N, classes], with output `outputs[label]` of each row at `label`. */
function ordered(probabilities: Float32Array, outputs: readonly number[]): Float32Array {
  const classes = outputs.length;
  return probabilities.map((_, i) => {
    const label = i % classes;
    return probabilities[i - label + outputs[label]!]!;
  });
}
