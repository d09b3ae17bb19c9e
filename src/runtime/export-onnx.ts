// A trained network as an ONNX file that any runtime can open: weights baked in, any batch size, and a
// description under which this project recognises it again.

import type { NoiseSchedule } from '../math/schedule.ts';
import type { NetworkSpec } from '../networks/network.ts';
import { inferenceGraph } from '../networks/network.ts';
import { networkMetadata } from '../weights/network-metadata.ts';
import { encodeModel } from '../weights/onnx-proto.ts';
import type { Weights } from '../weights/weights.ts';
import { lowerToOnnx } from './onnx-lowering.ts';

/** @param schedule of a denoiser. Inputs and outputs are those of `inferenceGraph`. */
export function exportOnnx(spec: NetworkSpec, weights: Weights, schedule?: NoiseSchedule): Uint8Array {
  const metadata = networkMetadata(spec, schedule);
  return encodeModel(lowerToOnnx(inferenceGraph(spec, 2), { weights, anyBatch: true, metadata }));
}
