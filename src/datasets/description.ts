// `dataset.json`: what this project's own writers put beside the data, so that a dataset is read back with the
// names, classes and ids that it had. Ids may hold any character; in file names all but a few are escaped as in
// URLs, dots too, since WebDataset ends a key at the first dot.

import { join } from 'node:path';
import { parseJson } from '../bounded-json.ts';
import { hasControls } from '../control-characters.ts';
import { DataElixirError, DatasetError } from '../errors.ts';
import { readText } from '../files/regular-file.ts';
import { OUTPUT_FORMATS, type OutputFormat } from './formats.ts';
import type { ImageShape } from './sample.ts';

export const DESCRIPTION_FILE = 'dataset.json';

/** `paths`: by folder and name, and where the name begins with `%` by the name alone; `escaped`: by the name alone. */
export type FileIds = 'paths' | 'escaped';

const VERSION = 1;

export interface Description {
  readonly name: string;
  readonly format: OutputFormat;
  readonly classes: number;
  /** By class index; absent when the classes have no names. */
  readonly classNames?: readonly string[];
  readonly shape: ImageShape;
  readonly samples: number;
  /** How files in class folders say ids; by escaped ids when absent. */
  readonly ids?: FileIds;
  /** Files or folders beside it, in the order of reading: shards, or the folder of each class. */
  readonly parts: readonly string[];
}

export function formatDescription(description: Description): string {
  return `${JSON.stringify({ dataelixir: VERSION, ...description }, null, 2)}\n`;
}

/**
 * Reads the description of a dataset folder; undefined when there is none.
 *
 * @throws {DatasetError} when there is one, but not of this kind
 */
export async function readDescription(folder: string): Promise<Description | undefined> {
  const path = join(folder, DESCRIPTION_FILE);
  const text = await readText(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    if (error instanceof DataElixirError) throw error;
    throw new DatasetError(
      `expected a readable ${path}, found: ${error.message}; remove it to have the folder read without it`,
    );
  });
  if (text === undefined) return undefined;
  const value = parse(text);
  if (isDescription(value)) return value;
  throw new DatasetError(
    `expected a dataset description of version ${VERSION} in ${path}, found something else; ` +
      'remove the file to have the folder read without it',
  );
}

/** An id as a file name; slashes may be kept where they may form folders, which those at an end or in a row do not. */
export function escapeId(id: string, keepSlashes: boolean): string {
  const escaped = encodeURIComponent(id).replaceAll('.', '%2E');
  return keepSlashes ? escaped.replaceAll(/(?<!^|%2F)%2F(?!%2F|$)/g, '/') : escaped;
}

/** Whether a path leads down on every system, and shows as what it is: then it may stay what it was. */
export function isSafePath(path: string): boolean {
  return !/^\/|^[a-z]:|\\|(?:^|\/)\.\.(?:\/|$)/i.test(path) && !hasControls(path);
}

/** Whether a reader passes over a path, or would not find it below where it begins. */
export function hasHiddenPart(path: string): boolean {
  return path.split('/').some((part) => part === '' || part.startsWith('.'));
}

/** The id of an escaped name; a name that was not escaped stands for itself. */
export function unescapeId(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch (error) {
    if (error instanceof URIError) return name;
    throw error;
  }
}

function parse(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isDescription(value: unknown): value is Description {
  if (typeof value !== 'object' || value === null) return false;
  const { dataelixir, name, format, classes, classNames, shape, samples, ids, parts } = value as Record<
    string,
    unknown
  >;
  return (
    dataelixir === VERSION &&
    typeof name === 'string' &&
    OUTPUT_FORMATS.some((known) => known === format) &&
    isCount(classes) &&
    (classNames === undefined || (isList(classNames, isText) && classNames.length === classes)) &&
    isList(shape, isCount) &&
    shape.length === 3 &&
    isCount(samples) &&
    (ids === undefined || ids === 'paths' || ids === 'escaped') &&
    // parts are names, not paths: a description must not lead out of its folder
    isList(parts, (part) => isText(part) && !/[/\\]|^\.\.?$/.test(part))
  );
}

function isList(value: unknown, holds: (item: string) => boolean): value is readonly string[] {
  return Array.isArray(value) && value.every(holds);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
