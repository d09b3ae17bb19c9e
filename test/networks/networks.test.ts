import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.ts';
import type { ClassifierSpec, DenoiserSpec, NetworkSpec } from '../../src/networks/network.ts';
import { imageShape, inferenceGraph, parametersOf } from '../../src/networks/network.ts';
import type { NamedArrays } from '../../src/runtime/executor.ts';
import { OnnxEngine } from '../../src/runtime/onnx-engine.ts';
import { readTorchCheckpoint } from '../../src/weights/torch-checkpoint.ts';
import type { Weights } from '../../src/weights/weights.ts';
import { awayFromZero, difference, ENGINES, evaluate } from '../support/graphs.ts';
import { fixturePath } from '../support/paths.ts';

/** One channel, 28×28, 14×14 with attention, 7×7; `ch` 24 gives group counts other than 32. */
const greyUNet: DenoiserSpec = {
  kind: 'unet',
  config: {
    resolution: 28,
    inChannels: 1,
    outChannels: 1,
    ch: 24,
    chMult: [1, 2, 2],
    numResBlocks: 1,
    attnResolutions: [14],
  },
};
const preActResNet: ClassifierSpec = {
  kind: 'preactresnet18',
  config: { shape: [3, 32, 32], classes: 10, widths: [8, 16, 32, 64] },
};
const smallCnn: ClassifierSpec = {
  kind: 'small-cnn',
  config: { shape: [1, 28, 28], classes: 7, widths: [8, 16, 24] },
};
/** As other libraries make it by default. */
const otherUNet: DenoiserSpec = {
  kind: 'unet',
  config: {
    ...greyUNet.config,
    ...{ epsilon: 1e-5, headChannels: 8, evenPadding: true, cosFirst: true, frequencyShift: 0 },
  },
};
const SPECS: readonly (readonly [string, NetworkSpec])[] = [
  ['unet', greyUNet],
  ['unet with heads', otherUNet],
  ['preactresnet18', preActResNet],
  ['small-cnn', smallCnn],
];

/** Weights that leave every layer alive: small, of both signs; variances positive. */
function someWeights(spec: NetworkSpec): Weights {
  return new Map(
    parametersOf(spec).map(({ name, shape }) => {
      const data = awayFromZero(shape, name, name.endsWith('running_var'));
      const scale = shape.length > 1 ? 1 / Math.sqrt(data.length / shape[0]!) : 1;
      return [name, { shape, data: data.map((value) => value * scale) }];
    }),
  );
}

function feedsOf(spec: NetworkSpec, batch: number): NamedArrays {
  const x = awayFromZero([batch, ...imageShape(spec)], 'x');
  const t = Float32Array.from({ length: batch }, (_, i) => (37 * i) % 150);
  return spec.kind === 'unet' ? { x, t } : { x };
}

describe('parameters', () => {
  it.each([
    ['unet-reference.ckpt', { ...greyUNet.config, resolution: 16, inChannels: 3, outChannels: 3, ch: 32 }],
    ['preactresnet-initial.pt', undefined],
  ])("have the names and shapes of PyTorch's %s", async (file, unet) => {
    const spec: NetworkSpec = unet
      ? { kind: 'unet', config: { ...unet, attnResolutions: [8] } }
      : preActResNet;
    const stored = [...(await readTorchCheckpoint(fixturePath(`parity/${file}`)))].filter(
      ([name]) => !name.endsWith('num_batches_tracked'),
    );
    const ours = parametersOf(spec).map(({ name, shape }) => `${name} ${shape}`);
    expect(ours.sort()).toEqual(stored.map(([name, { shape }]) => `${name} ${shape}`).sort());
  });

  it('of the published CIFAR-10 UNet are 35.7 million', () => {
    const config = {
      ...{ resolution: 32, inChannels: 3, outChannels: 3, ch: 128, chMult: [1, 2, 2, 2] },
      ...{ numResBlocks: 2, attnResolutions: [16] },
    };
    const sizes = parametersOf({ kind: 'unet', config }).map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    expect(sizes.reduce((a, b) => a + b)).toBe(35_746_307);
  });

  it('of the published PreActResNet-18 are 11.2 million, running statistics aside', () => {
    const config = { shape: [3, 32, 32] as const, classes: 10, widths: [64, 128, 256, 512] };
    const trained = parametersOf({ kind: 'preactresnet18', config }).filter((parameter) => parameter.trained);
    expect(trained.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)).toBe(11_171_146);
  });

  it.each(SPECS)('of %s are named once each, and statistics are not trained', (_, spec) => {
    const parameters = parametersOf(spec);
    expect(new Set(parameters.map(({ name }) => name)).size).toBe(parameters.length);
    for (const { name, trained } of parameters) expect(trained).toBe(!/running_(mean|var)$/.test(name));
  });
});

describe('inference', () => {
  it.each(SPECS)('of %s gives the same bits for every batch size', async (_, spec) => {
    const batch = 16;
    const feeds = feedsOf(spec, batch);
    const options = { weights: someWeights(spec), anyBatch: true };
    const executable = await new OnnxEngine().load(inferenceGraph(spec, 2), options);
    const whole = await executable.run(feeds);
    for (const size of [1, 5]) {
      for (let from = 0; from < batch; from += size) {
        const to = Math.min(from + size, batch);
        const cut = (values: Float32Array) =>
          values.slice((from * values.length) / batch, (to * values.length) / batch);
        const part = await executable.run(
          Object.fromEntries(Object.entries(feeds).map(([name, values]) => [name, cut(values)])),
        );
        for (const [name, values] of Object.entries(part)) {
          expect(Buffer.from(values.buffer).equals(Buffer.from(cut(whole[name]!).buffer)), name).toBe(true);
        }
      }
    }
    await executable.dispose();
  });

  it.each(SPECS)('of %s is the same on both engines, finite and not constant', async (_, spec) => {
    const weights = someWeights(spec);
    const feeds = feedsOf(spec, 2);
    const [onnx, tfjs] = await Promise.all(
      ENGINES.map(async ([, create]) =>
        evaluate(await create(), inferenceGraph(spec, 2), feeds, { weights }),
      ),
    );
    for (const [name, values] of Object.entries(onnx!)) {
      expect(difference(tfjs![name]!, values), name).toBeLessThan(1e-4);
      expect(new Set(values).size, name).toBeGreaterThan(1);
    }
  });

  it('of a UNet depends on the step', async () => {
    const { x } = feedsOf(greyUNet, 1);
    const options = { weights: someWeights(greyUNet) };
    const executable = await new OnnxEngine().load(inferenceGraph(greyUNet, 1), options);
    const early = await executable.run({ x: x!, t: Float32Array.of(0) });
    const late = await executable.run({ x: x!, t: Float32Array.of(140) });
    expect(difference(early.noise!, late.noise!)).toBeGreaterThan(1e-3);
    await executable.dispose();
  });

  it('of a UNet with heads is that with one where only one of them does anything', async () => {
    const [head, one] = [8, { kind: 'unet' as const, config: greyUNet.config }];
    const several = { ...one, config: { ...greyUNet.config, headChannels: head } };
    const alone = new Map(
      [...someWeights(one)].map(([name, { shape, data }]) => {
        const [, part, kind] = /attn.*\.(q|k|v|proj_out)\.(weight|bias)$/.exec(name) ?? [];
        const width = kind === 'bias' ? 1 : shape[1]!;
        const isSecond = (channel: number) => channel >= head && channel < 2 * head;
        if (part === undefined || (part === 'proj_out' && kind === 'bias')) return [name, { shape, data }];
        const channelOf = (i: number) => (part === 'proj_out' ? i % width : Math.floor(i / width));
        return [name, { shape, data: data.map((value, i) => (isSecond(channelOf(i)) ? value : 0)) }];
      }),
    );
    // one head divides by the root of all channels
    const scaled = new Map(
      [...alone].map(([name, { shape, data }]) => {
        const by = /attn.*\.q\./.test(name) ? Math.sqrt(shape[0]! / head) : 1;
        return [name, { shape, data: data.map((value) => value * by) }];
      }),
    );
    const run = (spec: DenoiserSpec, weights: Weights) =>
      evaluate(new OnnxEngine(), inferenceGraph(spec, 2), feedsOf(spec, 2), { weights });
    const [found, expected] = [await run(several, alone), await run(one, scaled)];
    expect(difference(found.noise!, expected.noise!)).toBeLessThan(1e-5);
    expect(difference(found.noise!, (await run(one, alone)).noise!)).toBeGreaterThan(1e-5);
  });

  it('of a UNet with cosines first is that with sines first and the columns exchanged', async () => {
    const weights = someWeights(greyUNet);
    const { shape, data } = weights.get('temb.dense.0.weight')!;
    const exchanged = data.map((_, i) => data[i - (i % 24) + (((i % 24) + 12) % 24)]!);
    const cosFirst = { kind: 'unet' as const, config: { ...greyUNet.config, cosFirst: true } };
    const run = (spec: DenoiserSpec, given: Weights) =>
      evaluate(new OnnxEngine(), inferenceGraph(spec, 2), feedsOf(spec, 2), { weights: given });
    const found = await run(
      cosFirst,
      new Map([...weights, ['temb.dense.0.weight', { shape, data: exchanged }]]),
    );
    expect(difference(found.noise!, (await run(greyUNet, weights)).noise!)).toBeLessThan(1e-5);
  });

  it('of a classifier gives probabilities that sum to 1 and features of the last width', async () => {
    const options = { weights: someWeights(smallCnn) };
    const found = await evaluate(
      new OnnxEngine(),
      inferenceGraph(smallCnn, 3),
      feedsOf(smallCnn, 3),
      options,
    );
    expect(found.features).toHaveLength(3 * 24);
    for (let i = 0; i < 3; i++) {
      const row = found.probabilities!.slice(7 * i, 7 * (i + 1));
      expect(row.reduce((sum, value) => sum + value)).toBeCloseTo(1, 5);
    }
  });
});

describe('a UNet of three levels', () => {
  it('refuses images whose sides do not halve twice', () => {
    const spec = { ...greyUNet, config: { ...greyUNet.config, resolution: 30 } };
    expect(() => inferenceGraph(spec, 1)).toThrow(ShapeError);
    expect(() => inferenceGraph(spec, 1)).toThrow(/divisible by 4, found 30×30; use fewer/);
  });
});
