// The samples of a program, checked as a reader checks those of a file: what does not fit is set aside with its
// place in the source and the reason, and the others go on. The first good sample says how large all images are.

import { idFault, MAX_ID_CHARACTERS } from '../datasets/distinct.ts';
import type { ImageShape, ReadResult, Sample } from '../datasets/sample.ts';
import { IdSet } from '../datasets/store/id-set.ts';
import { DatasetError } from '../errors.ts';

/** Samples of one shape. */
export interface Samples {
  readonly shape: ImageShape;
  /** Once. */
  readonly source: AsyncGenerator<ReadResult>;
}

/**
 * Looks at samples until one is good, and gives all of them.
 *
 * @throws {DatasetError} when none is
 */
export async function openSamples(source: AsyncGenerator<Sample>, classes: number): Promise<Samples> {
  const ids = new IdSet();
  let shape: ImageShape | undefined;
  let offset = 0;
  const check = (sample: Sample): ReadResult => {
    const at = offset++;
    const message = faultOf(sample, classes, shape, ids);
    if (message === undefined) return { ok: true, sample };
    const id =
      typeof sample?.id === 'string' && sample.id.length <= MAX_ID_CHARACTERS ? { id: sample.id } : {};
    return { ok: false, quarantined: { code: 'sample', message, source: 'samples', offset: at, ...id } };
  };
  const held: ReadResult[] = [];
  while (shape === undefined) {
    const next = await source.next();
    if (next.done)
      throw new DatasetError(`expected samples with an image and a label, found ${inWords(held)}`);
    const result = check(next.value);
    held.push(result);
    if (result.ok) shape = result.sample.shape;
  }
  return { shape, source: chained(held, source, check) };
}

async function* chained(
  held: readonly ReadResult[],
  rest: AsyncIterable<Sample>,
  check: (sample: Sample) => ReadResult,
): AsyncGenerator<ReadResult> {
  yield* held;
  for await (const sample of rest) yield check(sample);
}

function inWords([first, ...others]: readonly ReadResult[]): string {
  if (!first || first.ok) return 'none';
  return `${1 + others.length} bad ones (the first: ${first.quarantined.message})`;
}

/** What is wrong with a sample; types are checked, too, since programs need not be TypeScript. */
function faultOf(
  sample: Sample,
  classes: number,
  expected: ImageShape | undefined,
  ids: IdSet,
): string | undefined {
  const { id, label, pixels, shape } = sample ?? {};
  if (typeof id !== 'string') return `expected an id, found ${JSON.stringify(id)}`;
  const fault = idFault(id);
  if (fault !== undefined) return fault;
  if (!Number.isInteger(label) || label < 0 || label >= classes) {
    return `expected a label from 0 to ${classes - 1}, found ${label} at sample ${id}`;
  }
  const [channels, height, width] = shape ?? [];
  if (!((channels === 1 || channels === 3) && isExtent(height) && isExtent(width) && shape.length === 3)) {
    return `expected a shape of [1 or 3 channels, height, width], found [${shape}] at sample ${id}`;
  }
  if (!(pixels instanceof Uint8Array) || pixels.length !== channels * height * width) {
    return `expected ${channels * height * width} pixels in a Uint8Array, found ${foundIn(pixels)} at sample ${id}`;
  }
  if (expected?.some((extent, i) => extent !== shape[i])) {
    return `expected images of [${expected}], found [${shape}] at sample ${id}; resize it`;
  }
  return ids.add(id) ? undefined : `expected every sample to have its own id, found ${id} again`;
}

/** Values of other types may be as many as there should be. */
function foundIn(pixels: unknown): string {
  if (pixels instanceof Uint8Array) return `${pixels.length}`;
  const { length } = (pixels ?? []) as { readonly length?: unknown };
  const type =
    pixels === null
      ? 'null'
      : typeof pixels === 'object'
        ? `${pixels.constructor?.name ?? 'an object'}`
        : typeof pixels;
  return typeof length === 'number' && length > 0 ? `${length} in ${type}` : type;
}

function isExtent(value: number | undefined): value is number {
  return Number.isInteger(value) && (value as number) > 0;
}
