import { readFile } from 'node:fs/promises';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../src/errors.ts';
import { encodeModel, model, node, tensor, valueInfo } from '../../src/weights/onnx-proto.ts';
import type { OnnxTensor, OnnxValueInfo } from '../../src/weights/onnx-schema.ts';
import { classifierSignature, denoiserSignature } from '../../src/weights/onnx-signature.ts';

const folder = new URL('../../fixtures/weights/', import.meta.url).pathname;

function file(input: OnnxValueInfo[], output: OnnxValueInfo[], initializer: OnnxTensor[] = []): Uint8Array {
  return encodeModel(
    model({ name: 'm', node: [node('Identity', ['x'], ['y'])], initializer, input, output }, 17),
  );
}

const x = valueInfo('x', ['n', 3, 32, 32]);
const t = valueInfo('t', ['n']);
const noise = valueInfo('noise', ['n', 3, 32, 32]);

describe('denoiserSignature', () => {
  it('recognises what torch.onnx.export writes, by types and ranks, and it runs so', async () => {
    const bytes = await readFile(`${folder}denoiser.onnx`);
    const signature = denoiserSignature(bytes, 'denoiser.onnx');
    expect(signature).toEqual({
      x: { name: 'images', type: 'float32', shape: [null, 1, 4, 4] },
      t: { name: 'timesteps', type: 'int64', shape: [null] },
      noise: { name: 'eps', type: 'float32', shape: [null, null, null, null] },
    });
    const session = await ort.InferenceSession.create(bytes);
    const results = await session.run({
      [signature.x.name]: new ort.Tensor('float32', new Float32Array(16).fill(3), [1, 1, 4, 4]),
      [signature.t.name]: new ort.Tensor('int64', [20n], [1]),
    });
    // 3·2 + 0.5 + 20 / 10
    expect(results[signature.noise.name]!.data).toEqual(new Float32Array(16).fill(8.5));
  });

  it('does not take weights among the inputs for inputs', () => {
    const weight = tensor('w', [1], Float32Array.of(1));
    const signature = denoiserSignature(file([x, t, valueInfo('w', [1])], [noise], [weight]), 'old.onnx');
    expect(signature.t.name).toBe('t');
  });

  it.each([
    ['no step', [x], [noise]],
    ['another size', [x, t], [valueInfo('noise', ['n', 6, 32, 32])]],
    ['a third input', [x, t, valueInfo('label', ['n'], 'int64')], [noise]],
    ['bytes as images', [valueInfo('x', ['n', 3, 32, 32], 'uint8'), t], [noise]],
  ])('refuses %s and says what it found', (_, input, output) => {
    const recognise = () => denoiserSignature(file(input, output), 'd.onnx');
    expect(recognise).toThrow(WeightsError);
    expect(recognise).toThrow(
      /expected a denoiser .* in d\.onnx, found \(x .*\) → \(noise float32 \[\?,\d,32,32\]\)/,
    );
  });

  it('refuses weights in another file and inputs without a shape', () => {
    const external = { name: 'w', dims: [1], dataType: 1, dataLocation: 1 };
    expect(() => denoiserSignature(file([x, t], [noise], [external]), 'd.onnx')).toThrow(
      /w in a file beside it/,
    );
    expect(() => denoiserSignature(file([{ name: 'x' }, t], [noise]), 'd.onnx')).toThrow(
      /known rank and type for x/,
    );
  });
});

describe('classifierSignature', () => {
  it('finds logits and features of an exported classifier by name', async () => {
    const signature = classifierSignature(await readFile(`${folder}classifier.onnx`), 'classifier.onnx');
    expect(signature.logits).toEqual({ name: 'logits', type: 'float32', shape: [null, 2] });
    expect(signature.features?.name).toBe('features');
  });

  it('takes a single table for the logits, whatever its name', () => {
    const signature = classifierSignature(file([x], [valueInfo('out', ['n', 10])]), 'c.onnx');
    expect(signature.logits.name).toBe('out');
    expect(signature.features).toBeUndefined();
  });

  it('refuses outputs among which it cannot choose, and a denoiser', () => {
    const tables = [valueInfo('a', ['n', 10]), valueInfo('b', ['n', 64])];
    expect(() => classifierSignature(file([x], tables), 'c.onnx')).toThrow(
      /a float32 \[\?,10\], b float32 \[\?,64\]/,
    );
    expect(() => classifierSignature(file([x, t], [noise]), 'c.onnx')).toThrow(WeightsError);
  });
});
