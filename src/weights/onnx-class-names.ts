// The names of a classifier's classes, by label, as an ONNX file carries them in `metadata_props` under `classNames`: a list
// in JSON. With them a dataset of some of the classes, or in another order, is matched by name and not by place.

import protobuf from 'protobufjs/light.js';
import { parseJson } from '../bounded-json.ts';
import { DataElixirError } from '../errors.ts';
import { type ByteSource, withFile } from './byte-source.ts';

const CLASS_NAMES_KEY = 'classNames';

const METADATA_FIELD = 14;
const LENGTH_DELIMITED = 2;
/** A tag and a length, or any number. */
const MOST_HEAD = 20;
/** Models have some dozens. */
const MOST_FIELDS = 4096;
const MOST_BYTES = 2 ** 25;
const MOST_NAMES = 100_000;

/** What a written model carries; nothing where the classes have no names. */
export function classNamesMetadata(names: readonly string[] | undefined): Readonly<Record<string, string>> {
  return names ? { [CLASS_NAMES_KEY]: JSON.stringify(names) } : {};
}

/**
 * The names in a file of a classifier; undefined where it says none, or is no ONNX.
 *
 * @throws {WeightsError} when there is no such file; {UnreadableError} when that may pass
 */
export function classNamesInModel(path: string): Promise<readonly string[] | undefined> {
  return withFile(path, async (source) => {
    const [first] = await source.read(0, Math.min(1, source.size));
    return first === 0x08 ? namesIn(source) : undefined;
  });
}

/** Reads no weights: what lies between is passed over. */
async function namesIn(source: ByteSource): Promise<readonly string[] | undefined> {
  for (let at = 0, fields = 0; at < source.size && fields < MOST_FIELDS; fields++) {
    try {
      const reader = protobuf.Reader.create(await source.read(at, Math.min(MOST_HEAD, source.size - at)));
      const tag = reader.uint32();
      if ((tag & 7) !== LENGTH_DELIMITED) {
        reader.skipType(tag & 7);
        at += reader.pos;
        continue;
      }
      const length = reader.uint32();
      const from = at + reader.pos;
      at = from + length;
      if (tag >>> 3 !== METADATA_FIELD || length > MOST_BYTES || at > source.size) continue;
      const names = namesOf(await source.read(from, length));
      if (names) return names;
    } catch (error) {
      // whoever loads the model says what is wrong with it
      if (error instanceof DataElixirError) throw error;
      return undefined;
    }
  }
  return undefined;
}

function namesOf(entry: Uint8Array): readonly string[] | undefined {
  const reader = protobuf.Reader.create(entry);
  const texts: Record<number, string> = {};
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if ((tag & 7) === LENGTH_DELIMITED) texts[tag >>> 3] = reader.string();
    else reader.skipType(tag & 7);
  }
  if (texts[1] !== CLASS_NAMES_KEY || texts[2] === undefined) return undefined;
  const value = parseJson(texts[2]);
  const isList = Array.isArray(value) && value.length > 0 && value.length <= MOST_NAMES;
  return isList && value.every((name) => typeof name === 'string') ? value : undefined;
}
