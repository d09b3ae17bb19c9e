// From a PyTorch checkpoint to weights by name. Checkpoints come as a state_dict, as a dictionary around one
// or several, or, from the DDIM reference code, as a list [model, optimiser, epoch, step, average]; wrappers
// of the training code leave prefixes in the names. An average of the weights is preferred: it samples better.

import { WeightsError } from '../errors.ts';
import { sizeOf } from '../graph/graph.ts';
import type { ByteSource } from './byte-source.ts';
import { withFile } from './byte-source.ts';
import { toFloat32 } from './element-types.ts';
import { withoutPrefixes } from './name-prefixes.ts';
import type { PickleValue } from './pickle.ts';
import type { TorchFile } from './torch-containers.ts';
import { openTorchLegacy, openTorchZip } from './torch-containers.ts';
import { TorchTensor } from './torch-objects.ts';
import type { Weights, WeightTensor } from './weights.ts';

/** Where training code keeps its state_dicts, best first. */
const KEYS = [
  ...['ema', 'ema_state_dict', 'ema_model', 'model_ema'],
  ...['state_dict', 'model_state_dict', 'model', 'net', 'unet', 'weights'],
];
const MAX_DEPTH = 4;
const MAX_LIST = 16;

/** First bytes of a zip archive. */
export function isZip(head: Uint8Array): boolean {
  return head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
}

/**
 * Reads the weights of a checkpoint that torch.save wrote, any version, without executing anything.
 *
 * @throws {WeightsError} when the file is damaged, holds no state_dict, or names a global that is not allowed
 */
export async function readTorchCheckpoint(path: string): Promise<Weights> {
  return withFile(path, readTorchCheckpointFrom);
}

/** {@link readTorchCheckpoint} from an open file. */
export async function readTorchCheckpointFrom(source: ByteSource): Promise<Weights> {
  const head = await source.read(0, Math.min(4, source.size));
  const file = isZip(head) ? await openTorchZip(source) : await openTorchLegacy(source);
  const tensors = new StateDicts().find(file.value, 0);
  if (!tensors) {
    throw new WeightsError(
      `expected a state_dict in ${source.name}, found none at the top or under ${KEYS.join(', ')}; ` +
        'save model.state_dict() alone',
    );
  }
  expectModest(tensors, source);
  const weights = new Map<string, WeightTensor>();
  for (const [name, tensor] of withoutPrefixes(tensors)) {
    weights.set(name, { shape: tensor.shape, data: await readTensor(source, file, tensor) });
  }
  return weights;
}

type Tensors = ReadonlyMap<string, TorchTensor>;

/** Looks for weights in what was saved. Dictionaries may hold themselves: none is looked through again from as deep. */
class StateDicts {
  readonly #seen = new Map<PickleValue, { readonly depth: number; found: Tensors | undefined }>();

  find(value: PickleValue, depth: number): Tensors | undefined {
    if (depth > MAX_DEPTH) return undefined;
    if (Array.isArray(value) && depth === 0) {
      const found = value.slice(0, MAX_LIST).flatMap((item) => this.find(item, depth + 1) ?? []);
      return found.at(-1);
    }
    if (!(value instanceof Map)) return undefined;
    const before = this.#seen.get(value);
    if (before && before.depth <= depth) return before.found;
    const look: { readonly depth: number; found: Tensors | undefined } = { depth, found: undefined };
    this.#seen.set(value, look);
    look.found = this.#findIn(value, depth);
    return look.found;
  }

  #findIn(dictionary: ReadonlyMap<PickleValue, PickleValue>, depth: number): Tensors | undefined {
    for (const key of KEYS) {
      const found = this.find(dictionary.get(key) ?? null, depth + 1);
      if (found) return found;
    }
    const tensors = [...dictionary].filter(
      (item): item is [string, TorchTensor] => typeof item[0] === 'string' && item[1] instanceof TorchTensor,
    );
    return tensors.length > 0 ? new Map(tensors) : undefined;
  }
}

/** Tensors may share a storage, but not so many that a small file fills the memory. */
function expectModest(tensors: Tensors, source: ByteSource): void {
  const elements = [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (elements <= source.size) return;
  throw new WeightsError(
    `expected at most one element per byte of ${source.name}, found ${elements} in ${source.size} bytes; ` +
      'save the state_dict again without sharing storages',
  );
}

async function readTensor(source: ByteSource, file: TorchFile, tensor: TorchTensor): Promise<Float32Array> {
  const { storage, type, offset, shape, stride } = tensor;
  const count = sizeOf(shape);
  if (count === 0) return new Float32Array(0);
  const span = shape.reduce((sum, extent, i) => sum + (extent - 1) * stride[i]!, 1);
  const { size } = storage;
  const bytes = await source.read(file.locate(storage) + offset * size, span * size);
  const values = toFloat32(type, bytes);
  return isContiguous(shape, stride) ? values : gather(values, shape, stride);
}

function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && stride[i] !== expected) return false;
    expected *= shape[i]!;
  }
  return true;
}

/** Row-major copy of a strided view. */
function gather(values: Float32Array, shape: readonly number[], stride: readonly number[]): Float32Array {
  const result = new Float32Array(sizeOf(shape));
  const index = shape.map(() => 0);
  let at = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = values[at]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += stride[axis]!;
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      at -= shape[axis]! * stride[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
