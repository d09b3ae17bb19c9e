// A small plain convolutional classifier: one 3×3 stem and stages of two convolutions, the first of which halves
// the image, each followed by batch normalisation and ReLU, then global average pooling. It trains in minutes on
// two cores and is enough for simple images of 28×28 pixels; PreActResNet-18 is the reference's choice.

import type { Tensor } from '../graph/graph.ts';
import * as op from '../graph/operators.ts';
import type { ClassifierOutputs } from './preactresnet.ts';
import type { Scope } from './scope.ts';
import { same } from './scope.ts';

export interface SmallCnnConfig {
  /** [channels, height, width] of the images. */
  readonly shape: readonly [number, number, number];
  readonly classes: number;
  /** Channels of the stem and of each halving stage. */
  readonly widths: readonly number[];
}

/** @param x [N, C, H, W] in [−1, 1] */
export function smallCnn(scope: Scope, x: Tensor, config: SmallCnnConfig): ClassifierOutputs {
  const { g } = scope;
  const layer = (name: string, h: Tensor, width: number, stride: number) => {
    const convolved = scope.conv(`${name}.conv`, h, width, 3, same(3, stride), false);
    return op.relu(g, scope.batchNorm(`${name}.bn`, convolved));
  };
  let h = x;
  config.widths.forEach((width, stage) => {
    h = layer(`stage${stage}`, h, width, stage === 0 ? 1 : 2);
    if (stage > 0) h = layer(`stage${stage}.second`, h, width, 1);
  });
  const features = op.mean(g, h, [2, 3]);
  return { logits: scope.linear('linear', features, config.classes), features };
}
