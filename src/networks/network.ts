// A network as plain data (its kind and configuration) and the graphs made from it. The same definition gives
// the parameter list, the inference graph and, in `src/training/`, the training step.

import type { Graph, Shape, Tensor } from '../graph/graph.ts';
import { GraphBuilder } from '../graph/graph.ts';
import { softmax } from '../graph/operators.ts';
import type { ClassifierOutputs, PreActResNetConfig } from './preactresnet.ts';
import { preActResNet18 } from './preactresnet.ts';
import type { ParameterSpec } from './scope.ts';
import { Scope } from './scope.ts';
import type { SmallCnnConfig } from './small-cnn.ts';
import { smallCnn } from './small-cnn.ts';
import { unet } from './unet.ts';
import type { UNetConfig } from './unet-config.ts';

export type ClassifierSpec =
  | { readonly kind: 'preactresnet18'; readonly config: PreActResNetConfig }
  | { readonly kind: 'small-cnn'; readonly config: SmallCnnConfig };

export interface DenoiserSpec {
  readonly kind: 'unet';
  readonly config: UNetConfig;
}

export type NetworkSpec = ClassifierSpec | DenoiserSpec;

/** [channels, height, width] of the images that a network takes. */
export function imageShape(spec: NetworkSpec): readonly [number, number, number] {
  if (spec.kind !== 'unet') return spec.config.shape;
  return [spec.config.inChannels, spec.config.resolution, spec.config.resolution];
}

/** Applies a classifier: x [N, C, H, W] in [−1, 1]. */
export function classify(scope: Scope, x: Tensor, spec: ClassifierSpec): ClassifierOutputs {
  return spec.kind === 'small-cnn' ? smallCnn(scope, x, spec.config) : preActResNet18(scope, x, spec.config);
}

/**
 * The graph that answers queries, for batches of `batch` images. A denoiser maps `x`, `t` to `noise`; a
 * classifier maps `x` to `logits`, `probabilities` and `features`. Weights are parameters of the graph.
 */
export function inferenceGraph(spec: NetworkSpec, batch: number): Graph {
  const g = new GraphBuilder();
  const scope = new Scope(g, false);
  const x = g.input('x', [batch, ...imageShape(spec)] as Shape);
  if (spec.kind === 'unet') {
    g.output('noise', unet(scope, x, g.input('t', [batch]), spec.config));
  } else {
    const { logits, features } = classify(scope, x, spec);
    g.output('logits', logits);
    g.output('probabilities', softmax(g, logits));
    g.output('features', features);
  }
  return g.build();
}

/** Names, shapes and initial distributions of all weights, in the order of definition. */
export function parametersOf(spec: NetworkSpec): readonly ParameterSpec[] {
  const g = new GraphBuilder();
  const scope = new Scope(g, false);
  const x = g.input('x', [1, ...imageShape(spec)]);
  if (spec.kind === 'unet') unet(scope, x, g.input('t', [1]), spec.config);
  else classify(scope, x, spec);
  return scope.parameters;
}
