import { describe, expect, it } from 'vitest';
import type { Op } from '../../src/graph/graph.ts';
import { OnnxEngine } from '../../src/runtime/onnx-engine.ts';
import { TfjsEngine } from '../../src/runtime/tfjs-engine.ts';
import { awayFromZero, difference, ENGINES, evaluate, graphOf, named } from '../support/graphs.ts';
import { fixedInputs, operatorCases } from '../support/operator-cases.ts';

const OPS = Object.keys(operatorCases) as Op[];

describe.each(ENGINES)('operators on %s', (_, create) => {
  it.each(OPS)("%s gives PyTorch's numbers", async (op) => {
    const engine = await create();
    for (const operatorCase of operatorCases[op]) {
      const { inputs, build, expected, torch } = operatorCase;
      const graph = graphOf(inputs, build);
      expect(graph.nodes.some((node) => node.op === op)).toBe(true);
      const found = await evaluate(engine, graph, named(fixedInputs(operatorCase)));
      expect(Object.keys(found)).toHaveLength(expected.length);
      expected.forEach((values, k) => {
        expect(difference(found[`out${k}`]!, values), torch).toBeLessThan(1e-5);
      });
    }
  });
});

describe('the two engines', () => {
  it.each(OPS)('agree on random inputs of %s', async (op) => {
    const [onnx, tfjs] = [new OnnxEngine(), await TfjsEngine.create('cpu')];
    for (const { inputs, build, positive, torch } of operatorCases[op]) {
      const graph = graphOf(inputs, build);
      const feeds = named(inputs.map((shape, k) => awayFromZero(shape, `${torch} ${k}`, positive)));
      const [a, b] = [await evaluate(onnx, graph, feeds), await evaluate(tfjs, graph, feeds)];
      for (const name of Object.keys(a)) expect(difference(a[name]!, b[name]!), torch).toBeLessThan(1e-5);
    }
  });
});
