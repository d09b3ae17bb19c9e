// A trained network as an ONNX file that any runtime can open: weights baked in, any batch size, and a
// description under which this project recognises it again.

import type { NoiseSchedule } from '../math/schedule.ts';
import type { NetworkSpec } from '../networks/network.ts';
import { inferenceGraph } from '../networks/network.ts';
import { networkMetadata } from '../weights/network-metadata.ts';
import { classNamesMetadata } from '../weights/onnx-class-names.ts';
import { encodeModel } from '../weights/onnx-proto.ts';
import type { Weights } from '../weights/weights.ts';
import { lowerToOnnx } from './onnx-lowering.ts';

/** What is known of a network beside its weights. */
export interface NetworkFacts {
  /** Of a denoiser. */
  readonly schedule?: NoiseSchedule | undefined;
  /** Of a classifier, by label. */
  readonly classNames?: readonly string[] | undefined;
}

/** Inputs and outputs are those of `inferenceGraph`. */
export function exportOnnx(spec: NetworkSpec, weights: Weights, facts: NetworkFacts = {}): Uint8Array {
  const { schedule, classNames } = facts;
  const metadata = { ...networkMetadata(spec, schedule), ...classNamesMetadata(classNames) };
  return encodeModel(lowerToOnnx(inferenceGraph(spec, 2), { weights, anyBatch: true, metadata }));
}
