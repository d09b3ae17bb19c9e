// What a TensorFlow.js kernel is called with: one node of a graph, with its input values.

import type * as tf from '@tensorflow/tfjs-core';
import type { Node, Shape } from '../graph/graph.ts';

/** One node with its input values. */
export interface Call {
  readonly inputs: readonly tf.Tensor[];
  /** Shapes that the graph was built with; those of `inputs` may have another leading extent. */
  readonly inputShapes: readonly Shape[];
  /** Shape of the first output that the graph was built with. */
  readonly shape: Shape;
  readonly attributes: Node['attributes'];
}

export type Kernel = (call: Call) => tf.Tensor | readonly tf.Tensor[];
