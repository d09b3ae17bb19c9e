// Writes NDJSON: a line `{"id":…,"label":…,"image":"<base64>"}` for each sample. A line that was read leaves byte for
// byte where nothing changed, else with another label, image or id and everything beside them as it was. A path that
// would lead nowhere from the new place becomes the image.

import { basename, resolve } from 'node:path';
import type { ByteSink } from '../../bytes/byte-sink.ts';
import { type Change, spliceFields, valueText } from '../../bytes/json-splice.ts';
import { imageFile, textOf } from '../../images/image-file.ts';
import type { Origin, Rest } from '../../origin.ts';
import type { Sample } from '../../sample.ts';
import type { PartWriter } from '../part-writer.ts';

/** Writes one file or stream. @param folder that relative paths will start from, where it will stand */
export function openNdjsonWriter(sink: ByteSink, folder: string, classNames?: readonly string[]): PartWriter {
  return {
    parts: [basename(sink.name)],
    write: (sample, origin) =>
      sink.write(Buffer.concat([lineOf(sample, origin, folder, classNames), NEWLINE])),
    close: () => sink.close(),
  };
}

const NEWLINE = Buffer.from('\n');

/**
 * The line of a sample, without its end.
 *
 * @param folder that relative paths in it will start from
 * @param classNames what stands in the place of labels where they are names
 */
export function lineOf(
  sample: Sample,
  origin: Origin | undefined,
  folder: string,
  classNames?: readonly string[],
): Uint8Array {
  const { id, label } = sample;
  const image = () => Buffer.from(imageFile(sample, origin).bytes).toString('base64');
  if (origin?.rest?.format !== 'ndjson') return Buffer.from(JSON.stringify({ id, label, image: image() }));
  const { line, says } = origin.rest;
  const changes: Change[] = [];
  if (says.id !== undefined && says.id !== id) changes.push({ key: 'id', value: id });
  if (says.label !== label) {
    const isText = valueText(textOf(line), 'label')?.startsWith('"');
    changes.push({ key: 'label', value: isText ? (classNames?.[label] ?? String(label)) : label });
  }
  if (!isThere(origin, origin.rest, folder)) {
    const key = says.path === undefined ? 'image' : 'path';
    changes.push({ key, as: 'image', value: image() });
  }
  return changes.length === 0 ? line : Buffer.from(spliceFields(textOf(line), changes));
}

/** Whether the line already holds the image, or a path that leads to it from `folder` too. */
function isThere(
  { image }: Origin,
  { folder: from, says: { path } }: Extract<Rest, { format: 'ndjson' }>,
  folder: string,
): boolean {
  if (!image) return false;
  return path === undefined || resolve(from, path) === resolve(folder, path);
}
