// Which files are damaged by what knows how they are made. A row for each kind, the first that fits counts.

import { gunzipSync, gzipSync } from 'node:zlib';
import { type Mutation, mutate } from '../mutate.ts';
import { mutateJsonFile, mutateLines } from './json.ts';
import { mutateNpy } from './npy.ts';
import { mutateParquet } from './parquet.ts';
import { mutatePickle } from './pickle.ts';
import { mutateProtobuf } from './protobuf.ts';
import { mutateSafetensors } from './safetensors.ts';
import { zipMutation } from './zip.ts';

const MUTATIONS: readonly (readonly [RegExp, Mutation])[] = [
  [/\.json$/, mutateJsonFile],
  [/\.ndjson$/, mutateLines],
  [/\.npz$/, zipMutation(mutationFor)],
  [/\.npy$/, mutateNpy],
  [/\.parquet$/, mutateParquet],
  [/\.safetensors$/, mutateSafetensors],
  [/\.onnx$/, mutateProtobuf],
  [/legacy\.pt$|\.pkl$/, mutatePickle],
  [/\.pt$/, zipMutation(mutationFor)],
];

/** What damages a file of that name; undefined where nothing knows more of it than its bytes. */
function mutationFor(name: string): Mutation | undefined {
  const inner = name.endsWith('.gz') ? mutationFor(name.slice(0, -3)) : undefined;
  if (inner) return (bytes, random, other) => gzipSync(inner(gunzipSync(bytes), random, other));
  return MUTATIONS.find(([pattern]) => pattern.test(name))?.[1];
}

/** Damages a file: by its structure where that is known, blindly, or both. */
export const damage: (name: string) => Mutation = (name) => (bytes, random, other) => {
  const structured = mutationFor(name);
  const way = structured ? random.integer(8) : 0;
  if (!structured || way < 3) return mutate(bytes, random, other);
  const changed = structured(bytes, random, other);
  return way === 3 ? mutate(changed, random, other) : changed;
};
