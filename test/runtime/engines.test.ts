// What `executor.ts` promises, on both engines.

import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { EngineError } from '../../src/errors.ts';
import { GraphBuilder } from '../../src/graph/graph.ts';
import * as op from '../../src/graph/operators.ts';
import type { Engine } from '../../src/runtime/executor.ts';
import { OnnxEngine } from '../../src/runtime/onnx-engine.ts';
import { conv2dFilterGrad, filterGradByKernel } from '../../src/runtime/tfjs-convolutions.ts';
import { TfjsEngine } from '../../src/runtime/tfjs-engine.ts';
import { awayFromZero, difference, ENGINES, evaluate, graphOf } from '../support/graphs.ts';
import { fixedInputs, operatorCases } from '../support/operator-cases.ts';

/** y [N, 2] = x·w + 1 and the flat z [N·…] = x for x [N, 3] and the weight w [3, 2]. */
function smallNetwork(batch: number) {
  const g = new GraphBuilder();
  const x = g.input('x', [batch, 3]);
  const w = g.parameter('w', [3, 2]);
  g.output('y', op.add(g, op.matmul(g, x, w), g.scalar(1)));
  g.output('z', op.reshape(g, x, [batch, 3, 1]));
  return g.build();
}

const X = Float32Array.of(1, 2, 3, 4, 5, 6);
const W = Float32Array.of(1, 0, 0, 1, 1, 1);
const Y = [5, 6, 11, 12];

describe.each(ENGINES)('the engine %s', (name, create) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await create();
  });

  it('says its name', () => {
    expect(engine.name).toBe(name);
  });

  it('takes weights as feeds', async () => {
    const { y } = await evaluate(engine, smallNetwork(2), { x: X, w: W });
    expect([...y!]).toEqual(Y);
  });

  it('bakes in the weights as they were when it loaded', async () => {
    const w = W.slice();
    const executable = await engine.load(smallNetwork(2), {
      weights: new Map([['w', { shape: [3, 2], data: w }]]),
    });
    w.fill(9);
    const { y } = await executable.run({ x: X });
    expect([...y!]).toEqual(Y);
    await executable.dispose();
  });

  it('takes any batch when asked to', async () => {
    const executable = await engine.load(smallNetwork(4), { anyBatch: true });
    const one = await executable.run({ x: X.slice(0, 3), w: W });
    expect([...one.y!]).toEqual(Y.slice(0, 2));
    const two = await executable.run({ x: X, w: W }, { y: new Float32Array(4) });
    expect([...two.y!]).toEqual(Y);
    await executable.dispose();
  });

  it('writes into given arrays, and allocates the others', async () => {
    const executable = await engine.load(smallNetwork(2));
    const y = new Float32Array(4);
    const found = await executable.run({ x: X, w: W }, { y });
    expect([...y]).toEqual(Y);
    expect([...found.y!]).toEqual(Y);
    expect([...found.z!]).toEqual([...X]);
    await executable.dispose();
  });

  it('returns arrays that share nothing with its feeds', async () => {
    const x = X.slice();
    const { z } = await evaluate(engine, smallNetwork(2), { x, w: W });
    x.fill(0);
    expect([...z!]).toEqual([...X]);
  });

  it.each([
    ['a missing feed', { x: X }, {}, /expected a feed named w of \[3,2\], found none/],
    ['a feed of another size', { x: X.slice(0, 3), w: W }, {}, /expected 6 values of \[2,3\] for x, found 3/],
    ['a target of another size', { x: X, w: W }, { y: new Float32Array(3) }, /of \[2,2\] for y, found 3/],
  ])('refuses %s', async (_, feeds, into, message) => {
    const executable = await engine.load(smallNetwork(2));
    const run = executable.run(feeds as Record<string, Float32Array>, into);
    await expect(run).rejects.toThrow(EngineError);
    await expect(executable.run(feeds as Record<string, Float32Array>, into)).rejects.toThrow(message);
    await executable.dispose();
  });

  it('refuses a batch that is not a whole number of samples', async () => {
    const executable = await engine.load(smallNetwork(2), { anyBatch: true });
    await expect(executable.run({ x: X.slice(0, 4), w: W })).rejects.toThrow(/for x, found 4/);
    await executable.dispose();
  });
});

describe('the onnx engine', () => {
  it('says what to do when an execution provider is not there', async () => {
    const engine = new OnnxEngine('nonsense' as 'cpu');
    const loading = engine.load(smallNetwork(1));
    await expect(loading).rejects.toThrow(EngineError);
    await expect(engine.load(smallNetwork(1))).rejects.toThrow(/nonsense.*use cpu/s);
  });

  // In its own training mode ONNX Runtime gave both statistics the same memory: its issue 29790.
  it('keeps the two statistics of a normalisation apart when the graph goes on with them', async () => {
    const graph = graphOf([[4, 2, 3, 3], [2], [2]], (g, [x, scale, bias]) => {
      const [, mean, variance] = op.batchNorm(g, x!, scale!, bias!, 1e-5);
      return op.sub(g, mean, variance);
    });
    const [in0, in1, in2] = [awayFromZero([4, 2, 3, 3], 'x'), Float32Array.of(1, 2), Float32Array.of(3, 4)];
    const { out0 } = await evaluate(new OnnxEngine(), graph, { in0, in1, in2 });
    const expected = [0, 1].map((channel) => {
      const values = [...in0].filter((_, i) => Math.floor(i / 9) % 2 === channel);
      const mean = values.reduce((sum, value) => sum + value) / values.length;
      return mean - values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    });
    expect(difference(out0!, expected)).toBeLessThan(1e-5);
  });
});

describe('the tfjs engine', () => {
  it('frees every tensor: intermediate ones after a run, the rest when disposed', async () => {
    const engine = await TfjsEngine.create('cpu');
    const before = tf.memory().numTensors;
    for (const cases of Object.values(operatorCases)) {
      for (const operatorCase of cases) {
        const graph = graphOf(operatorCase.inputs, (g, inputs) => [
          ...[operatorCase.build(g, inputs)].flat(),
          g.constant([1, 2], [2]),
        ]);
        const executable = await engine.load(graph);
        expect(tf.memory().numTensors).toBe(before + graph.constants.length);
        const inputs = fixedInputs(operatorCase);
        const feeds = Object.fromEntries(inputs.map((data, k) => [`in${k}`, data]));
        await executable.run(feeds);
        expect(tf.memory().numTensors, operatorCase.torch).toBe(before + graph.constants.length);
        await executable.dispose();
        expect(tf.memory().numTensors).toBe(before);
      }
    }
  });

  it('frees what it made when a run fails', async () => {
    const engine = await TfjsEngine.create('cpu');
    const before = tf.memory().numTensors;
    const executable = await engine.load(smallNetwork(2));
    await expect(executable.run({ x: X })).rejects.toThrow(EngineError);
    await expect(executable.run({ x: X, w: W }, { z: new Float32Array(1) })).rejects.toThrow(EngineError);
    await executable.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('holds no more than it needs at once', async () => {
    const engine = await TfjsEngine.create('cpu');
    const size = 1000;
    const graph = graphOf([[size]], (g, [x]) => {
      let y = x!;
      for (let i = 0; i < 50; i++) y = op.sin(g, y);
      return y;
    });
    const executable = await engine.load(graph);
    const before = tf.memory().numBytes;
    const { peakBytes } = await tf.profile(async () => {
      await executable.run({ in0: new Float32Array(size) });
      return tf.scalar(0);
    });
    expect(peakBytes - before).toBeLessThanOrEqual(3 * Float32Array.BYTES_PER_ELEMENT * size);
    await executable.dispose();
  });

  it("computes the filter gradient by the backend's kernel as by its own convolution", async () => {
    await TfjsEngine.create('cpu');
    for (const operatorCase of operatorCases.conv2dFilterGrad) {
      const [x, dy] = fixedInputs(operatorCase);
      const graph = graphOf(operatorCase.inputs, operatorCase.build);
      const node = graph.nodes[0]!;
      tf.tidy(() => {
        const call = {
          inputs: [tf.tensor(x!, [...operatorCase.inputs[0]!]), tf.tensor(dy!, [...operatorCase.inputs[1]!])],
          inputShapes: operatorCase.inputs,
          shape: graph.shapes[node.outputs[0]!]!,
          attributes: node.attributes,
        };
        for (const compute of [filterGradByKernel, conv2dFilterGrad]) {
          expect(difference(compute(call).dataSync(), operatorCase.expected[0]!)).toBeLessThan(1e-5);
        }
      });
    }
  });

  it('says how to install a backend that is missing', async () => {
    const creating = TfjsEngine.create('node-gpu');
    await expect(creating).rejects.toThrow(EngineError);
    await expect(TfjsEngine.create('node-gpu')).rejects.toThrow(
      /npm install --ignore-scripts=false @tensorflow\/tfjs-node-gpu/,
    );
  });
});
