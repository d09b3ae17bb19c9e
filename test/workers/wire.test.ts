import { deserialize, serialize } from 'node:v8';
import { describe, expect, it } from 'vitest';
import type { ClassifyTask, GradientWork } from '../../src/workers/protocol.ts';
import { MissingMemory, owned, unpack, WirePacker, type WireWork } from '../../src/workers/wire.ts';
import { tinyClassifier } from '../support/tiny-models.ts';

/** What the channel to a process does to a message. */
const sent = (wire: WireWork) => deserialize(serialize(wire)) as WireWork;

function classify(id: string, ...numbers: number[]): ClassifyTask {
  const values = new SharedArrayBuffer(4 * numbers.length);
  new Float32Array(values).set(numbers);
  const weights = { names: ['w'], offsets: [0], values };
  const model = { kind: 'network', id, spec: tinyClassifier, weights } as const;
  return { kind: 'classify', model, shape: [1, 1, 2], pixels: Uint8Array.of(7, 9) };
}

function weightsOf(work: unknown): number[] {
  const { model } = work as ClassifyTask;
  return model.kind === 'network' ? [...new Float32Array(model.weights.values)] : [];
}

describe('work on its way to a process', () => {
  it('takes weights along, the first time', () => {
    const packer = new WirePacker();
    const work = unpack(sent(packer.pack(classify('a', 1, 2))));
    expect(weightsOf(work)).toEqual([1, 2]);
    expect(work).toMatchObject({ kind: 'classify', shape: [1, 1, 2], pixels: Uint8Array.of(7, 9) });
    expect(weightsOf(unpack(sent(packer.pack(classify('b', 3)))))).toEqual([3]);
  });

  it('leaves weights out from then on, and tells who reads them', () => {
    const packer = new WirePacker();
    packer.pack(classify('a', 1, 2));
    const wire = sent(packer.pack(classify('a', 1, 2)));
    const work = unpack(wire);
    expect(() => weightsOf(work)).toThrow(MissingMemory);
    expect(() => weightsOf(work)).toThrow('the memory of model a');
  });

  it('takes them along again where that is asked for', () => {
    const packer = new WirePacker();
    packer.pack(classify('a', 1, 2));
    expect(weightsOf(unpack(sent(packer.pack(classify('a', 1, 2), true))))).toEqual([1, 2]);
  });

  it('copies arrays in shared memory each time, for they change', () => {
    const weights = new Float32Array(new SharedArrayBuffer(8));
    const job = { id: 'a', spec: tinyClassifier, shardSize: 1, names: ['w'], offsets: [0] };
    const data = { kind: 'labelled', x: Uint8Array.of(1), targets: Float32Array.of(1) } as const;
    const work: GradientWork = { kind: 'gradient', job, weights, shard: 0, data };
    const packer = new WirePacker();
    for (const value of [1, 2]) {
      weights.fill(value);
      expect(unpack(sent(packer.pack(work)))).toEqual({ ...work, weights: Float32Array.of(value, value) });
    }
  });
});

it('gives each array of an answer memory of its own', () => {
  const { buffer } = new Float32Array([1, 2, 3, 4]);
  const answer = { a: new Float32Array(buffer, 0, 2), inner: { b: new Uint8Array(buffer, 8, 4) }, n: 3 };
  const found = owned(answer) as typeof answer;
  expect(found).toEqual(answer);
  expect([found.a.buffer.byteLength, found.inner.b.buffer.byteLength]).toEqual([8, 4]);
});
