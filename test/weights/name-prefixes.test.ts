import { describe, expect, it } from 'vitest';
import { loadDenoiserWeights } from '../../src/weights/load-weights.ts';
import { withoutPrefixes } from '../../src/weights/name-prefixes.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';
import { readTorchCheckpoint } from '../../src/weights/torch-checkpoint.ts';
import { temporaryFile } from './temporary.ts';

const checkpoint = new URL('../../fixtures/parity/unet-reference.ckpt', import.meta.url).pathname;
const named = (...names: string[]) => new Map(names.map((name, i) => [name, i]));

describe('withoutPrefixes', () => {
  it.each([
    ['of DataParallel', ['module.a', 'module.b'], ['a', 'b']],
    ['one in another', ['module._orig_mod.model.a'], ['a']],
    ['beside the counter of an average', ['n_averaged', 'module.a', 'module.b'], ['a', 'b']],
    ['beside those of other averages', ['initted', 'step', 'model.a'], ['a']],
  ])('takes off those %s', (_, names, expected) => {
    expect([...withoutPrefixes(named(...names)).keys()]).toEqual(expected);
  });

  it.each([
    ['that not all weights have', ['module.a', 'b']],
    ['that is a part of the network', ['model.a', 'head.b', 'step']],
    ['where there are only counters', ['step', 'decay']],
  ])('leaves one %s', (_, names) => {
    expect([...withoutPrefixes(named(...names)).keys()]).toEqual(names);
  });
});

describe('loadDenoiserWeights', () => {
  it.each(['module.', 'model.', '_orig_mod.'])(
    'reads safetensors whose names begin with %s',
    async (prefix) => {
      const weights = await readTorchCheckpoint(checkpoint);
      const prefixed = new Map([...weights].map(([name, tensor]) => [prefix + name, tensor]));
      const path = await temporaryFile('unet.safetensors', Buffer.of());
      await writeSafetensors(path, prefixed.set('n_averaged', { shape: [], data: Float32Array.of(9) }));
      const loaded = await loadDenoiserWeights(path, 16);
      expect(loaded.kind === 'unet' && [...loaded.weights.keys()].sort()).toEqual([...weights.keys()].sort());
    },
  );
});
