// PreActResNet-18 (He et al. 2016, "Identity mappings in deep residual networks") as the backdoor literature
// trains it on small images: a 3×3 stem, four stages of two blocks, no normalisation after the last one.
// Parameter names are those of the usual PyTorch definition, so its checkpoints load unchanged.

import type { Tensor } from '../graph/graph.ts';
import * as op from '../graph/operators.ts';
import type { Scope } from './scope.ts';
import { same } from './scope.ts';

export interface PreActResNetConfig {
  /** [channels, height, width] of the images. */
  readonly shape: readonly [number, number, number];
  readonly classes: number;
  /** Channels of the four stages; the published network has 64, 128, 256, 512. */
  readonly widths: readonly number[];
}

/** What a classifier returns: logits [N, classes] and the pooled penultimate features [N, F]. */
export interface ClassifierOutputs {
  readonly logits: Tensor;
  readonly features: Tensor;
}

/** @param x [N, C, H, W] in [−1, 1] */
export function preActResNet18(scope: Scope, x: Tensor, config: PreActResNetConfig): ClassifierOutputs {
  const { g } = scope;
  let h = scope.conv('conv1', x, config.widths[0]!, 3, same(3), false);
  config.widths.forEach((width, stage) => {
    h = block(scope, `layer${stage + 1}.0`, h, width, stage === 0 ? 1 : 2);
    h = block(scope, `layer${stage + 1}.1`, h, width, 1);
  });
  const features = op.mean(g, h, [2, 3]);
  return { logits: scope.linear('linear', features, config.classes), features };
}

function block(scope: Scope, name: string, x: Tensor, width: number, stride: number): Tensor {
  const { g } = scope;
  const pre = op.relu(g, scope.batchNorm(`${name}.bn1`, x));
  const reshaped = stride !== 1 || x.shape[1] !== width;
  const shortcut = reshaped ? scope.conv(`${name}.shortcut.0`, pre, width, 1, same(1, stride), false) : x;
  let h = scope.conv(`${name}.conv1`, pre, width, 3, same(3, stride), false);
  h = op.relu(g, scope.batchNorm(`${name}.bn2`, h));
  return op.add(g, scope.conv(`${name}.conv2`, h, width, 3, same(3), false), shortcut);
}
