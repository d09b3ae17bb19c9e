// Training steps as graphs: loss and gradients of a network for one shard of a batch, and the update rules on
// flat vectors of weights. Forward, backward and update thus run on whatever engine and execution provider
// runs the networks. A shard's gradients land in one flat vector, in which running statistics have slots too.

import { gradients } from '../../graph/gradients.ts';
import type { Graph, Tensor } from '../../graph/graph.ts';
import { GraphBuilder } from '../../graph/graph.ts';
import * as op from '../../graph/operators.ts';
import type { ClassifierSpec, DenoiserSpec, NetworkSpec } from '../../networks/network.ts';
import { classify, imageShape } from '../../networks/network.ts';
import { Scope } from '../../networks/scope.ts';
import { unet } from '../../networks/unet.ts';

/** Prefix of the outputs that carry dL/dw, or the batch's statistics for a running average. */
export const GRADIENT = 'gradient.';

/**
 * Mean cross-entropy of a classifier and its gradients.
 *
 * Inputs: `x` [batch, C, H, W] in [−1, 1], `y` [batch, classes] target distributions, the parameters.
 * Outputs: `loss` [], `gradient.<name>` for every parameter that is trained or a running statistic.
 */
export function classifierStep(spec: ClassifierSpec, batch: number): Graph {
  const g = new GraphBuilder();
  const scope = new Scope(g, true);
  const x = g.input('x', [batch, ...imageShape(spec)]);
  const y = g.input('y', [batch, spec.config.classes]);
  const { logits } = classify(scope, x, spec);
  const logLikelihood = op.sum(g, op.mul(g, op.logSoftmax(g, logits), y), [0, 1]);
  return finish(scope, op.mul(g, logLikelihood, g.scalar(-1 / batch)));
}

/**
 * Mean squared error of the predicted noise (Ho et al. 2020, eq. 14) and its gradients.
 *
 * Inputs: `x` [batch, C, H, W] noised images, `t` [batch], `noise` like x, the parameters. Outputs as above.
 */
export function denoiserStep(spec: DenoiserSpec, batch: number): Graph {
  const g = new GraphBuilder();
  const scope = new Scope(g, true);
  const x = g.input('x', [batch, ...imageShape(spec)]);
  const noise = g.input('noise', x.shape);
  const error = op.sub(g, unet(scope, x, g.input('t', [batch]), spec.config), noise);
  return finish(scope, op.mean(g, op.mul(g, error, error), [0, 1, 2, 3]));
}

export function lossStep(spec: NetworkSpec, batch: number): Graph {
  return spec.kind === 'unet' ? denoiserStep(spec, batch) : classifierStep(spec, batch);
}

function finish(scope: Scope, loss: Tensor): Graph {
  const { g } = scope;
  const trained = scope.parameters.filter((parameter) => parameter.trained);
  const grads = gradients(
    g,
    loss,
    trained.map(({ name }) => scope.tensors.get(name)!),
  );
  g.output('loss', loss);
  trained.forEach(({ name }, i) => {
    g.output(`${GRADIENT}${name}`, grads[i]!);
  });
  for (const { buffer, value } of scope.statistics) g.output(`${GRADIENT}${buffer}`, value);
  return g.build();
}

/** Mean over the gradients of all shards: inputs `gradient0` … `gradient{shards−1}`, each [n]. */
function meanGradient(g: GraphBuilder, shards: number): Tensor {
  const parts = Array.from({ length: shards }, (_, i) => g.input(`gradient${i}`, [1]));
  const total = parts.reduce((sum, part) => op.add(g, sum, part));
  return shards === 1 ? total : op.mul(g, total, g.scalar(1 / shards));
}

/**
 * Stochastic gradient descent with momentum and weight decay as torch.optim.SGD does it: the decay is added to
 * the gradient, and lr multiplies the momentum buffer.
 *
 * Inputs, each [n] unless said otherwise: `weights`, `momentum`, `gradient<i>`, `hyper` [3] = lr, momentum, decay.
 * Outputs: `weights`′ as `newWeights`, `momentum`′ as `newMomentum`. Load it with `anyBatch`.
 */
export function sgdUpdate(shards: number): Graph {
  const g = new GraphBuilder();
  const weights = g.input('weights', [1]);
  const momentum = g.input('momentum', [1]);
  const hyper = g.input('hyper', [3], 'parameter');
  const [rate, keep, decay] = [0, 1, 2].map((i) => op.slice(g, hyper, 0, i, i + 1)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const gradient = op.add(g, meanGradient(g, shards), op.mul(g, weights, decay));
  const newMomentum = op.add(g, op.mul(g, momentum, keep), gradient);
  g.output('newWeights', op.sub(g, weights, op.mul(g, newMomentum, rate)));
  g.output('newMomentum', newMomentum);
  return g.build();
}

/**
 * Adam (Kingma & Ba 2015) followed by an exponential moving average of the weights, as diffusion models use it.
 *
 * Inputs: `weights`, `first`, `second`, `average`, `gradient<i>` [n]; `hyper` [6] = lr / (1 − β₁ᵗ), β₁, β₂,
 * 1 / (1 − β₂ᵗ), ε, EMA decay. Outputs: `newWeights`, `newFirst`, `newSecond`, `newAverage`.
 */
export function adamUpdate(shards: number): Graph {
  const g = new GraphBuilder();
  const [weights, first, second, average] = ['weights', 'first', 'second', 'average'].map((name) =>
    g.input(name, [1]),
  ) as [Tensor, Tensor, Tensor, Tensor];
  const hyper = g.input('hyper', [6], 'parameter');
  const [rate, beta1, beta2, correction, epsilon, decay] = [0, 1, 2, 3, 4, 5].map((i) =>
    op.slice(g, hyper, 0, i, i + 1),
  ) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  /** old + (1 − keep)·(fresh − old) */
  const blend = (old: Tensor, fresh: Tensor, keep: Tensor) =>
    op.add(g, op.mul(g, old, keep), op.mul(g, fresh, op.sub(g, g.scalar(1), keep)));
  const gradient = meanGradient(g, shards);
  const newFirst = blend(first, gradient, beta1);
  const newSecond = blend(second, op.mul(g, gradient, gradient), beta2);
  const deviation = op.add(g, op.sqrt(g, op.mul(g, newSecond, correction)), epsilon);
  const newWeights = op.sub(g, weights, op.div(g, op.mul(g, newFirst, rate), deviation));
  g.output('newWeights', newWeights);
  g.output('newFirst', newFirst);
  g.output('newSecond', newSecond);
  g.output('newAverage', blend(average, newWeights, decay));
  return g.build();
}

/** Running averages of batch statistics: inputs `weights`, `gradient<i>` [n], `hyper` [1] = momentum; output `newWeights`. */
export function runningAverageUpdate(shards: number): Graph {
  const g = new GraphBuilder();
  const weights = g.input('weights', [1]);
  const momentum = g.input('hyper', [1], 'parameter');
  const change = op.sub(g, meanGradient(g, shards), weights);
  g.output('newWeights', op.add(g, weights, op.mul(g, change, momentum)));
  return g.build();
}
