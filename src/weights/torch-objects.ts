// What a PyTorch checkpoint's pickle may contain: tensors as references into storages, ordered dictionaries, and the
// values beside them that `torch.load(weights_only=True)` lets pass, which are dropped. This is the whole list of globals
// that checkpoints may name here; the shapes are checked as the references are made, so that reading a tensor later stays
// within its storage.

import { WeightsError } from '../errors.ts';
import { sizeOf } from '../graph/graph.ts';
import { ELEMENT_BYTES, type ElementType } from './element-types.ts';
import type { PickleRules, PickleValue } from './pickle.ts';
import { PickleGlobal, PickleObject } from './pickle.ts';

/** A block of elements of one type somewhere in the checkpoint. */
export class TorchStorage extends PickleObject {
  readonly kind = 'storage';
  readonly key: string;
  /** Undefined for elements that are no weights here: complex and quantised ones. */
  readonly type: ElementType | undefined;
  /** Number of elements. */
  readonly count: number;
  /** Of an element. */
  readonly size: number;

  constructor(key: string, type: ElementType | undefined, count: number, size: number) {
    super();
    this.key = key;
    this.type = type;
    this.count = count;
    this.size = size;
  }
}

/** A strided view of a storage; offset and strides count elements. */
export class TorchTensor extends PickleObject {
  readonly kind = 'tensor';
  readonly storage: TorchStorage;
  readonly type: ElementType;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];

  constructor(
    storage: TorchStorage,
    type: ElementType,
    offset: number,
    shape: readonly number[],
    stride: readonly number[],
  ) {
    super();
    this.storage = storage;
    this.type = type;
    this.offset = offset;
    this.shape = shape;
    this.stride = stride;
  }
}

const STORAGE_TYPES: ReadonlyMap<string, ElementType> = new Map([
  ['torch.DoubleStorage', 'float64'],
  ['torch.FloatStorage', 'float32'],
  ['torch.HalfStorage', 'float16'],
  ['torch.BFloat16Storage', 'bfloat16'],
  ['torch.LongStorage', 'int64'],
  ['torch.IntStorage', 'int32'],
  ['torch.ShortStorage', 'int16'],
  ['torch.CharStorage', 'int8'],
  ['torch.ByteStorage', 'uint8'],
  ['torch.BoolStorage', 'bool'],
]);

/** Bytes of an element of the storages whose tensors are dropped. */
const OTHER_STORAGES: ReadonlyMap<string, number> = new Map([
  ['torch.ComplexDoubleStorage', 16],
  ['torch.ComplexFloatStorage', 8],
  ['torch.QInt32Storage', 4],
  ['torch.QInt8Storage', 1],
  ['torch.QUInt8Storage', 1],
  ['torch.QUInt4x2Storage', 1],
  ['torch.QUInt2x4Storage', 1],
  ['torch.storage.UntypedStorage', 1],
]);

/** Dimensions that PyTorch knows at most. */
const MAX_RANK = 64;

/** What makes values beside the weights, such as an accuracy saved as a NumPy scalar: accepted, and dropped. */
const INERT = new Set([
  ...['_codecs.encode', 'collections.Counter', 'torch.device', 'torch.serialization._get_layout'],
  // of Python 3 and 2
  ...['set', 'complex', 'bytearray'].flatMap((name) => [`builtins.${name}`, `__builtin__.${name}`]),
  ...['numpy.core.multiarray.scalar', 'numpy._core.multiarray.scalar', 'numpy.dtype'],
  // tensors of kinds that no network here has
  ...[
    'qtensor',
    'tensor_v3',
    'sparse_tensor',
    'sparse_csr_tensor',
    'meta_tensor_no_storage',
    'nested_tensor',
  ].map((kind) => `torch._utils._rebuild_${kind}`),
]);

/** What is only named: types of elements, ways to quantise, classes of tensors. */
const NAMES =
  /^torch\.(?:(?:q?u?int|b?float|complex|bits)\d+(?:x\d|_\w+)?|bool|per_(?:tensor|channel)_\w+|Tensor|\w*Tensor)$/;

/**
 * The rules for a checkpoint's pickles.
 *
 * @param source file name for errors
 * @param onStorage called with each storage that is named, several times if it is shared
 */
export function torchRules(source: string, onStorage: (storage: TorchStorage) => void): PickleRules {
  return {
    source,
    global: (name) => {
      if (STORAGE_TYPES.has(name) || OTHER_STORAGES.has(name) || NAMES.test(name))
        return new PickleGlobal(name);
      if (INERT.has(name)) return new PickleGlobal(name, () => null);
      switch (name) {
        case 'collections.OrderedDict':
          return new PickleGlobal(name, ([items]) => toDictionary(items, source));
        case 'torch._utils._rebuild_tensor':
        case 'torch._utils._rebuild_tensor_v2':
          return new PickleGlobal(name, (args) => toTensor(args, source));
        case 'torch._utils._rebuild_parameter':
        case 'torch._utils._rebuild_parameter_with_state':
        case 'torch.nn.parameter.Parameter':
        case 'torch.Size':
          return new PickleGlobal(name, ([value]) => value ?? null);
        case 'torch._tensor._rebuild_from_type_v2':
          return new PickleGlobal(name, ([rebuild, , args]) => rebuilt(rebuild, args, source));
        default:
          return undefined;
      }
    },
    persistent: (id) => {
      const storage = toStorage(id, source);
      onStorage(storage);
      return storage;
    },
  };
}

/** Python 2 pickled ordered dictionaries with their items as an argument, Python 3 adds them afterwards. */
function toDictionary(items: PickleValue | undefined, source: string): PickleValue {
  if (items === undefined) return new Map();
  if (!Array.isArray(items)) throw damaged(source, 'items of a dictionary');
  return new Map(
    items.map((item) => {
      if (!Array.isArray(item) || item.length !== 2) throw damaged(source, 'pairs of a dictionary');
      return item as [PickleValue, PickleValue];
    }),
  );
}

/** A tensor that has attributes, or a class of its own: the one below it, which no other call can stand for. */
function rebuilt(
  rebuild: PickleValue | undefined,
  args: PickleValue | undefined,
  source: string,
): PickleValue {
  const isTensor = rebuild instanceof PickleGlobal && rebuild.name.startsWith('torch._utils._rebuild_');
  if (!isTensor || !rebuild.call || !Array.isArray(args)) throw damaged(source, 'a call that makes a tensor');
  return rebuild.call(args);
}

/** `('storage', type, key, location, count)`, with a sixth entry in legacy files. */
function toStorage(id: PickleValue, source: string): TorchStorage {
  const [tag, global, key, , count, view] = Array.isArray(id) ? id : [];
  const name = global instanceof PickleGlobal ? global.name : '';
  const type = STORAGE_TYPES.get(name);
  const size = type ? ELEMENT_BYTES[type] : OTHER_STORAGES.get(name);
  if (tag !== 'storage' || size === undefined || typeof key !== 'string' || !isSize(count)) {
    throw damaged(source, 'a storage with type, key and size');
  }
  if (view !== undefined && view !== null)
    throw damaged(source, 'a storage of its own, not a view of another');
  return new TorchStorage(key, type, count, size);
}

/** Null for a tensor of elements that are no weights here. */
function toTensor(args: readonly PickleValue[], source: string): TorchTensor | null {
  const [storage, offset, shape, stride] = args;
  const fits = storage instanceof TorchStorage && isSize(offset) && isSizes(shape) && isSizes(stride);
  if (!fits || shape.length !== stride.length)
    throw damaged(source, 'a tensor with storage, shape and strides');
  if (storage.type === undefined) return null;
  const count = sizeOf(shape);
  const last = count === 0 ? -1 : shape.reduce((sum, extent, i) => sum + (extent - 1) * stride[i]!, 0);
  if (!(count <= storage.count && offset + last < storage.count)) {
    throw damaged(source, `a tensor of [${shape}] within its storage of ${storage.count} elements`);
  }
  return new TorchTensor(storage, storage.type, offset, shape, stride);
}

function isSize(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isSizes(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.length <= MAX_RANK && value.every(isSize);
}

function damaged(source: string, expected: string): WeightsError {
  return new WeightsError(
    `expected ${expected} in the PyTorch checkpoint ${source}, found something else; ` +
      'save the state_dict again with torch.save',
  );
}
