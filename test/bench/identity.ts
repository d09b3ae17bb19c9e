// Networks that cost nothing, and datasets for them: what a run with these takes is what it takes outside its networks.
// The denoiser gives back what it gets; the observer reads a sample's label off the first pixels of its image, which
// purification leaves nearly as they are, so that no class is flagged.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawShape } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import { encodePng } from '../../src/datasets/images/png.ts';
import type { ImageShape, Sample } from '../../src/datasets/sample.ts';
import { encodeModel, model, node, tensor, valueInfo } from '../../src/weights/onnx-proto.ts';
import type { OnnxNode, OnnxTensor, OnnxValueInfo } from '../../src/weights/onnx-schema.ts';

export const CLASSES = 10;

/** Different images; samples beyond have the same ones again. */
const IMAGES = 1000;

/** Puts `denoiser.onnx` and `observer.onnx` for images of a shape into a folder. */
export function writeIdentityNetworks(folder: string, shape: ImageShape): void {
  const x = valueInfo('x', ['n', ...shape]);
  const noise = valueInfo('noise', ['n', ...shape]);
  write(folder, 'denoiser', [node('Identity', ['x'], ['noise'])], [x, valueInfo('t', ['n'])], noise);
  const nodes = [
    node('Flatten', ['x'], ['flat']),
    node('Slice', ['flat', 'from', 'to', 'axis'], ['first']),
    node('Mul', ['first', 'ten'], ['logits']),
  ];
  const weights = [
    tensor('from', [1], BigInt64Array.of(0n)),
    tensor('to', [1], BigInt64Array.of(BigInt(CLASSES))),
    tensor('axis', [1], BigInt64Array.of(1n)),
    tensor('ten', [1], Float32Array.of(10)),
  ];
  write(folder, 'observer', nodes, [x], valueInfo('logits', ['n', CLASSES]), weights);
}

function write(
  folder: string,
  name: string,
  nodes: OnnxNode[],
  input: OnnxValueInfo[],
  output: OnnxValueInfo,
  initializer: OnnxTensor[] = [],
): void {
  const graph = { name, node: nodes, initializer, input, output: [output] };
  writeFileSync(join(folder, `${name}.onnx`), encodeModel(model(graph, 17)));
}

/** Image `n`, cut from those of the demo, with its label in the first pixels. */
function imageOf(n: number, [channels, height, width]: ImageShape): Sample {
  const drawn = drawShape('train', n);
  const [, rows, columns] = drawn.shape;
  const pixels = Uint8Array.from({ length: channels * height * width }, (_, at) => {
    const [c, y, x] = [Math.floor(at / height / width), Math.floor(at / width) % height, at % width];
    return drawn.pixels[(c * rows + y) * columns + x]!;
  });
  const label = n % CLASSES;
  for (let i = 0; i < CLASSES; i++) pixels[i] = i === label ? 255 : 0;
  return { id: String(n), label, pixels, shape: [channels, height, width] };
}

/** Lines of NDJSON with PNG images, `count` of them. */
export function* identitySamples(count: number, shape: ImageShape): Generator<string> {
  const images = Array.from({ length: Math.min(count, IMAGES) }, (_, n) => {
    const { label, ...image } = imageOf(n, shape);
    return `"label":${label},"image":"${Buffer.from(encodePng(image)).toString('base64')}"}\n`;
  });
  for (let n = 0; n < count; n++) yield `{"id":"n${n}",${images[n % images.length]}`;
}
