// A small plain convolutional classifier: one 3×3 stem and three stages that halve the image, each convolution
// followed by batch normalisation and ReLU, then global average pooling. It trains in minutes on two cores and
// is enough for 28×28 and 32×32 images; PreActResNet-18 is the reference's choice.

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
  let h = x;
  config.widths.forEach((width, stage) => {
    const stride = stage === 0 ? 1 : 2;
    h = scope.conv(`stage${stage}.conv`, h, width, 3, same(3, stride), false);
    h = op.relu(g, scope.batchNorm(`stage${stage}.bn`, h));
  });
  const features = op.mean(g, h, [2, 3]);
  return { logits: scope.linear('linear', features, config.classes), features };
}
