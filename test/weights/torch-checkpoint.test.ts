import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../src/errors.ts';
import { readTorchCheckpoint } from '../../src/weights/torch-checkpoint.ts';
import { temporaryFile } from './temporary.ts';

const folder = new URL('../../fixtures/', import.meta.url).pathname;

/** A legacy checkpoint whose object is the given pickle (without PROTO and STOP). */
async function legacy(object: string, tail = ''): Promise<string> {
  const pickle = (body: string) => `\x80\x02${body}.`;
  const magic = pickle(`\x8a\x0a${Buffer.from('6cfc9c46f9206aa85019', 'hex').toString('latin1')}`);
  const system = pickle('}X\x0d\x00\x00\x00little_endian\x88s');
  const text = magic + pickle('M\xe9\x03') + system + pickle(object) + tail;
  return temporaryFile('hand.pt', Buffer.from(text, 'latin1'));
}

/** `_rebuild_tensor_v2` of a storage of `count` floats, as one-byte sizes. */
function tensor(count: number, offset: number, shape: number[], stride: number[]): string {
  const tuple = (sizes: number[]) => `(${sizes.map((n) => `K${String.fromCharCode(n)}`).join('')}t`;
  const storage = `(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00kX\x03\x00\x00\x00cpuK${String.fromCharCode(count)}NtQ`;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${storage}K${String.fromCharCode(offset)}${tuple(shape)}${tuple(stride)}\x89NtR`;
}

const word = (text: string) => `X${String.fromCharCode(text.length)}\x00\x00\x00${text}`;

const named = (body: string) => `}X\x01\x00\x00\x00w${body}s`;

describe.each(['torch.pt', 'torch-legacy.pt'])('%s', (name) => {
  it('gives the averaged weights of a DDIM checkpoint, without prefixes, as row-major float32', async () => {
    const weights = await readTorchCheckpoint(`${folder}weights/${name}`);
    const values = Object.fromEntries(
      [...weights].map(([key, { shape, data }]) => [key, [shape, [...data]]]),
    );
    // fixtures/weights/make.py: model(1000), the last of the list
    expect(values).toEqual({
      plain: [[3, 4], Array.from({ length: 12 }, (_, i) => 1000 + i)],
      transposed: [[4, 3], [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11].map((i) => 1000 + i)],
      strided: [
        [2, 2],
        [1001, 1005, 1007, 1011],
      ],
      parameter: [[2], [1000, 1001]],
      half: [[5], [1.5, -0.25, 65504, 2 ** -24, Number.POSITIVE_INFINITY]],
      bfloat16: [[3], [1.5, -0.25, 2 ** 127 * (1 + 98 / 128)]],
      double: [[1], [Math.fround(0.1)]],
      int8: [[2], [-128, 127]],
      head: [[4], [100, 101, 102, 103]],
      tail: [[4], [104, 105, 106, 107]],
      num_batches_tracked: [[], [7]],
    });
  });

  it('is refused when cut anywhere', async () => {
    const bytes = await readFile(`${folder}weights/${name}`);
    for (const part of [0, 1, 3, 20, 0.3 * bytes.length, 0.7 * bytes.length, bytes.length - 1]) {
      const path = await temporaryFile(name, bytes.subarray(0, part));
      await expect(readTorchCheckpoint(path), `cut at ${part}`).rejects.toThrow(WeightsError);
    }
  });

  it('ends in weights or a WeightsError whatever byte is changed', async () => {
    const bytes = await readFile(`${folder}weights/${name}`);
    for (let at = 0; at < bytes.length; at += 17) {
      const changed = Buffer.from(bytes);
      changed[at] = changed[at]! ^ (1 + (at % 255));
      const path = await temporaryFile(name, changed);
      const error = await readTorchCheckpoint(path).then(
        () => undefined,
        (e: unknown) => e,
      );
      if (error !== undefined) expect(error, `byte ${at}`).toBeInstanceOf(WeightsError);
    }
  });
});

describe('readTorchCheckpoint', () => {
  it.each(['malicious.pt', 'malicious-legacy.pt'])('refuses %s by the name of its function', async (name) => {
    const reading = readTorchCheckpoint(`${folder}weights/${name}`);
    await expect(reading).rejects.toThrow(WeightsError);
    await expect(reading).rejects.toThrow(/found the global posix\.system/);
    expect(existsSync('executed-by-a-pickle')).toBe(false);
  });

  it('refuses compressed members, other zips and other pickles', async () => {
    await expect(readTorchCheckpoint(`${folder}weights/compressed.pt`)).rejects.toThrow(/stored as it is/);
    const empty = Buffer.concat([Buffer.from('PK\x05\x06'), Buffer.alloc(18)]);
    const zip = await temporaryFile('a.zip', Buffer.concat([Buffer.from('PK\x03\x04'), empty]));
    await expect(readTorchCheckpoint(zip)).rejects.toThrow(WeightsError);
    const pickle = await temporaryFile('a.pkl', Buffer.from('\x80\x02}.', 'latin1'));
    await expect(readTorchCheckpoint(pickle)).rejects.toThrow(/PyTorch's magic number/);
  });

  it('looks through dictionaries once that hold themselves and much else', async () => {
    const keys = [
      'ema',
      'ema_state_dict',
      'ema_model',
      'model_ema',
      'state_dict',
      'model',
      'net',
      'unet',
      'weights',
    ];
    const entries = keys.map((key) => `${word(key)}h\x07`).join('');
    const many = Array.from(
      { length: 20_000 },
      (_, i) => `J${String.fromCharCode(i & 255, i >> 8, 0, 0)}N`,
    ).join('');
    const path = await legacy(`}q\x07(${entries}${many}u`, '\x80\x02].');
    const start = performance.now();
    await expect(readTorchCheckpoint(path)).rejects.toThrow(/expected a state_dict/);
    // thousands of times over they take a minute
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  it('reads a legacy file made by hand', async () => {
    const data = Buffer.alloc(8 + 16);
    data.writeBigInt64LE(4n);
    [1, 2, 3, 4].forEach((value, i) => {
      data.writeFloatLE(value, 8 + 4 * i);
    });
    const keys = '\x80\x02]X\x01\x00\x00\x00ka.';
    const path = await legacy(named(tensor(4, 1, [3], [1])), keys + data.toString('latin1'));
    expect([...(await readTorchCheckpoint(path)).get('w')!.data]).toEqual([2, 3, 4]);
  });

  it.each([
    ['a Counter', 'ccollections\nCounter\n(}K\x05K\x01stR'],
    ['a set of Python 2', 'c__builtin__\nset\n(]K\x05atR'],
    ['a set of protocol 4', '\x8f(K\x05\x90'],
    ['a complex number', 'cbuiltins\ncomplex\n(K\x01K\x02tR'],
    ['bytes that may change', `cbuiltins\nbytearray\n(c_codecs\nencode\n(${word('ab')}${word('latin1')}tRtR`],
    ['a type of elements', 'ctorch\nfloat8_e4m3fn\n'],
    ['a layout', `ctorch.serialization\n_get_layout\n(${word('torch.strided')}tR`],
    ['a tensor without storage', 'ctorch._utils\n_rebuild_meta_tensor_no_storage\n(K\x01tR'],
    ['quantised elements', tensor(4, 0, [3], [1]).replace('FloatStorage', 'QInt32Storage')],
  ])('drops what torch.load lets pass with weights only: %s', async (_, value) => {
    const body = `}(${word('model')}${named(tensor(4, 1, [3], [1]))}${word('x')}${value}u`;
    const data = Buffer.alloc(8 + 16);
    data.writeBigInt64LE(4n);
    data.writeFloatLE(2, 12);
    const path = await legacy(body, `\x80\x02]X\x01\x00\x00\x00ka.${data.toString('latin1')}`);
    const weights = await readTorchCheckpoint(path);
    expect([...weights.keys()]).toEqual(['w']);
    expect(weights.get('w')!.data[0]).toBe(2);
  });

  it.each([
    ['with a parameter made anew', `ctorch.nn.parameter\nParameter\n(${tensor(4, 1, [3], [1])}t\x81`],
    [
      'with attributes',
      `ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_parameter\nctorch\nTensor\n(${tensor(4, 1, [3], [1])}t}tR`,
    ],
  ])('reads a tensor %s', async (_, value) => {
    const data = Buffer.alloc(8 + 16);
    data.writeBigInt64LE(4n);
    data.writeFloatLE(2, 12);
    const path = await legacy(named(value), `\x80\x02]X\x01\x00\x00\x00ka.${data.toString('latin1')}`);
    expect((await readTorchCheckpoint(path)).get('w')!.data[0]).toBe(2);
  });

  it.each([
    ['a tensor behind its storage', named(tensor(4, 2, [3], [1])), /\[3\] within its storage of 4 elements/],
    ['a tensor larger than its storage', named(tensor(4, 0, [200, 200], [0, 0])), /within its storage of 4/],
    ['shape and strides of other lengths', named(tensor(4, 0, [2], [1, 1])), /storage, shape and strides/],
    ['a class', named('cnumpy\nndarray\n)R'), /the global numpy\.ndarray/],
    [
      'an import of the call kind',
      named('c__builtin__\neval\n(X\x01\x00\x00\x001tR'),
      /the global __builtin__\.eval/,
    ],
    [
      'another call in the place of one that makes a tensor',
      named('ctorch._tensor\n_rebuild_from_type_v2\n(ccollections\nOrderedDict\nctorch\nTensor\n)}tR'),
      /a call that makes a tensor/,
    ],
    ['a call of a type of elements', named('ctorch\nfloat32\n)R'), /a call of torch\.float32/],
    ['a call of a storage type', named('ctorch\nFloatStorage\n)R'), /a call of torch\.FloatStorage/],
    ['an extension opcode', '\x82\x01', /opcode 0x82/],
    ['an old-style instance', '(i__main__\nx\n', /opcode 0x69/],
    ['no tensors', named('K\x01'), /expected a state_dict/],
    ['an empty stack', 's', /an empty stack/],
    ['a memo that is not there', 'h\x05', /no memo 5/],
    ['a text longer than the file', 'X\xff\xff\xff\x7fabc', /the end of the data/],
  ])('refuses %s', async (_, object, message) => {
    const reading = readTorchCheckpoint(await legacy(object, '\x80\x02].'));
    await expect(reading).rejects.toThrow(WeightsError);
    await expect(reading).rejects.toThrow(message);
  });

  it.each([
    ['dictionaries', '}'.repeat(2 ** 21 + 1)],
    ['tuples in tuples', `)${'\x85'.repeat(2 ** 21)}`],
    ['memos', `N${'\x94'.repeat(2 ** 21 + 1)}`],
    [
      'calls with one list',
      `K\x01K\x02\x86\x940(${'h\x00'.repeat(2 ** 16)}t\x940ccollections\nOrderedDict\n\x940${'h\x02h\x01\x85R0'.repeat(99)}`,
    ],
  ])('refuses more objects than a checkpoint can need: %s', async (_, object) => {
    const path = await legacy(object);
    const before = process.memoryUsage().rss;
    await expect(readTorchCheckpoint(path)).rejects.toThrow(/more than 2097152 objects/);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 30);
  });

  it('reads checkpoints of the reference', async () => {
    const unet = await readTorchCheckpoint(`${folder}parity/unet-reference.ckpt`);
    expect(unet.size).toBe(182);
    expect(unet.get('down.1.attn.0.q.weight')!.shape).toEqual([64, 64, 1, 1]);
    const resnet = await readTorchCheckpoint(`${folder}parity/preactresnet-initial.pt`);
    expect(resnet.get('layer2.0.bn1.running_var')!.data).toEqual(new Float32Array(8).fill(1));
  });
});
