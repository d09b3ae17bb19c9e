// Where a network's definition asks for its weights. A scope hands out parameters by their PyTorch state_dict
// name, remembers their shapes and initial distributions, and, in training mode, collects the batch statistics
// with which running averages are updated. So one definition serves training, inference and weight checking.

import type { GraphBuilder, Shape, Tensor } from '../graph/graph.ts';
import * as op from '../graph/operators.ts';

/** Initial value of a weight: a constant, or uniform in [−bound, bound]. */
export type Initial = { readonly constant: number } | { readonly bound: number };

export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly initial: Initial;
  /** False for running statistics, which no gradient changes. */
  readonly trained: boolean;
}

/** A batch statistic and the running average that it feeds. */
export interface BatchStatistic {
  /** Name of the buffer, such as `layer1.0.bn1.running_mean`. */
  readonly buffer: string;
  readonly value: Tensor;
}

const BATCH_NORM_EPSILON = 1e-5;

export class Scope {
  readonly parameters: ParameterSpec[] = [];
  readonly statistics: BatchStatistic[] = [];
  readonly tensors = new Map<string, Tensor>();
  readonly g: GraphBuilder;
  readonly training: boolean;

  constructor(g: GraphBuilder, training: boolean) {
    this.g = g;
    this.training = training;
  }

  parameter(name: string, shape: Shape, initial: Initial, trained = true): Tensor {
    const tensor = this.g.parameter(name, shape);
    this.parameters.push({ name, shape, initial, trained });
    this.tensors.set(name, tensor);
    return tensor;
  }

  /** Convolution with PyTorch's default initial distribution; weight `${name}.weight`, bias `${name}.bias`. */
  conv(
    name: string,
    x: Tensor,
    channels: number,
    kernel: number,
    geometry: op.ConvGeometry,
    bias = true,
  ): Tensor {
    const fanIn = x.shape[1]! * kernel * kernel;
    const bound = 1 / Math.sqrt(fanIn);
    const weight = this.parameter(`${name}.weight`, [channels, x.shape[1]!, kernel, kernel], { bound });
    const offset = bias ? this.parameter(`${name}.bias`, [channels], { bound }) : undefined;
    return op.conv2d(this.g, x, weight, offset, geometry);
  }

  linear(name: string, x: Tensor, features: number): Tensor {
    const bound = 1 / Math.sqrt(x.shape[1]!);
    const weight = this.parameter(`${name}.weight`, [features, x.shape[1]!], { bound });
    const bias = this.parameter(`${name}.bias`, [features], { bound });
    return op.linear(this.g, x, weight, bias);
  }

  groupNorm(name: string, x: Tensor, groups: number, epsilon: number): Tensor {
    const channels = x.shape[1]!;
    const scale = this.parameter(`${name}.weight`, [channels], { constant: 1 });
    const bias = this.parameter(`${name}.bias`, [channels], { constant: 0 });
    const [normalized] = op.normalizeGroups(this.g, x, groups, epsilon);
    return op.affine(this.g, normalized, scale, bias);
  }

  batchNorm(name: string, x: Tensor): Tensor {
    const { g } = this;
    const channels = [x.shape[1]!];
    const scale = this.parameter(`${name}.weight`, channels, { constant: 1 });
    const bias = this.parameter(`${name}.bias`, channels, { constant: 0 });
    const runningMean = this.parameter(`${name}.running_mean`, channels, { constant: 0 }, false);
    const runningVariance = this.parameter(`${name}.running_var`, channels, { constant: 1 }, false);
    if (this.training) {
      const [y, mean, variance] = op.batchNorm(g, x, scale, bias, BATCH_NORM_EPSILON);
      const count = x.shape[0]! * x.shape[2]! * x.shape[3]!;
      const unbiased = op.mul(g, variance, g.scalar(count / Math.max(1, count - 1)));
      this.statistics.push({ buffer: `${name}.running_mean`, value: mean });
      this.statistics.push({ buffer: `${name}.running_var`, value: unbiased });
      return y;
    }
    const deviation = op.sqrt(g, op.add(g, runningVariance, g.scalar(BATCH_NORM_EPSILON)));
    const factor = op.div(g, scale, deviation);
    return op.affine(g, x, factor, op.sub(g, bias, op.mul(g, runningMean, factor)));
  }
}

/** Padding that keeps the size of a stride-1 convolution with an odd kernel. */
export function same(kernel: number, stride = 1): op.ConvGeometry {
  const p = (kernel - 1) / 2;
  return { stride, padding: [p, p, p, p] };
}
