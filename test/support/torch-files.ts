// Checkpoints as torch.save writes them, in both of its formats, made byte by byte.

import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import type { Weights, WeightTensor } from '../../src/weights/weights.ts';

const OPTIONS = { mtime: new Date(Date.UTC(1990, 0)), compress: false };

const globalOf = (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`);
const op = (code: string, ...parts: readonly Uint8Array[]) =>
  Buffer.concat([Buffer.from(code, 'latin1'), ...parts]);

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return op('X', length, bytes);
}

function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return op('J', bytes);
}

const tuple = (...items: readonly Uint8Array[]) => op('(', ...items, Buffer.from('t'));

/** A tensor of its own storage, which `key` names. */
function tensorOf(key: string, { shape, data }: WeightTensor, inLegacy: boolean): Buffer {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((product, extent) => product * extent, 1));
  const view = inLegacy ? [Buffer.from('N')] : [];
  const storage = tuple(
    ...[
      text('storage'),
      globalOf('torch', 'FloatStorage'),
      text(key),
      text('cpu'),
      integer(data.length),
      ...view,
    ],
  );
  const hooks = op('', globalOf('collections', 'OrderedDict'), Buffer.from(')R'));
  const args = tuple(
    ...[
      op('', storage, Buffer.from('Q')),
      integer(0),
      tuple(...shape.map(integer)),
      tuple(...strides.map(integer)),
    ],
    ...[Buffer.from([0x89]), hooks],
  );
  return op('', globalOf('torch._utils', '_rebuild_tensor_v2'), args, Buffer.from('R'));
}

/** A state_dict, below what training code keeps beside it where it has a key. */
function stateDict(weights: Weights, inLegacy: boolean, key?: string): Buffer {
  const items = [...weights].map(([name, tensor], i) =>
    op('', text(name), tensorOf(`${i}`, tensor, inLegacy)),
  );
  const dictionary = op('}q\x01(', ...items, Buffer.from('u'));
  if (key === undefined) return dictionary;
  const scalar = op(
    ...(['', globalOf('numpy.core.multiarray', 'scalar'), globalOf('numpy', 'dtype')] as [
      string,
      Buffer,
      Buffer,
    ]),
    ...[tuple(text('f8'), integer(0), integer(1)), Buffer.from('R')],
    ...[globalOf('_codecs', 'encode'), tuple(text('\0'.repeat(8)), text('latin1')), op('R\x86R')],
  );
  return op('}(', text(key), dictionary, text('epoch'), integer(3), text('best'), scalar, Buffer.from('u'));
}

const pickle = (body: Uint8Array) => op('\x80\x02', body, Buffer.from('.'));
const bytesOf = ({ data }: WeightTensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** @param key of the state_dict in the dictionary that is saved; that is the state_dict itself when absent */
export function torchZip(weights: Weights, key?: string): Promise<Buffer> {
  const zip = new ZipFile();
  zip.addBuffer(pickle(stateDict(weights, false, key)), 'archive/data.pkl', OPTIONS);
  zip.addBuffer(Buffer.from('little'), 'archive/byteorder', OPTIONS);
  [...weights.values()].forEach((tensor, i) => {
    zip.addBuffer(bytesOf(tensor), `archive/data/${i}`, OPTIONS);
  });
  zip.addBuffer(Buffer.from('3\n'), 'archive/version', OPTIONS);
  zip.end();
  return buffer(zip.outputStream);
}

/** The format before torch 1.6. */
export function torchLegacy(weights: Weights, key?: string): Buffer {
  const magic = Buffer.from('8a0a6cfc9c46f9206aa85019', 'hex');
  const system = op('}(', text('little_endian'), Buffer.from([0x88]), Buffer.from('u'));
  const storages = [...weights.values()].flatMap((tensor) => {
    const count = Buffer.alloc(8);
    count.writeBigInt64LE(BigInt(tensor.data.length));
    return [count, bytesOf(tensor)];
  });
  const keys = op('](', ...[...weights.keys()].map((_, i) => text(`${i}`)), Buffer.from('e'));
  const pickles = [magic, integer(1001), system, stateDict(weights, true, key), keys].map(pickle);
  return Buffer.concat([...pickles, ...storages]);
}
