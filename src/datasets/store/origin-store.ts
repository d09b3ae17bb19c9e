// Origins on disk, beside the samples of a store: one file of their bytes, and one that says where each begins.
// Samples without an origin take a few bytes of the second file and nothing of the first.

import { deserialize, serialize } from 'node:v8';
import { AppendFile } from '../bytes/append-file.ts';
import type { ImageSize } from '../images/resize.ts';
import type { Origin, Rest } from '../origin.ts';

// where it begins (48 bits) and its length (32 bits, 0 where there is none)
const PLACE_BYTES = 10;

export class OriginStore {
  readonly #bytes: AppendFile;
  readonly #places: AppendFile;
  #end = 0;
  #count = 0;

  /** Creates the files `path.origins` and `path.places`. */
  constructor(path: string) {
    this.#bytes = new AppendFile(`${path}.origins`);
    this.#places = new AppendFile(`${path}.places`);
  }

  /** @param index of the sample, above that of the last call */
  append(index: number, origin: Origin): void {
    while (this.#count < index) this.#place(0);
    let length = 0;
    for (const bytes of encoded(origin)) {
      this.#bytes.append(bytes);
      length += bytes.length;
    }
    this.#place(length);
  }

  read(index: number): Origin | undefined {
    if (index >= this.#count) return undefined;
    const place = this.#places.view(PLACE_BYTES, index * PLACE_BYTES);
    const length = place.readUInt32LE(6);
    if (length === 0) return undefined;
    return decoded(this.#bytes.view(length, place.readUIntLE(0, 6)));
  }

  dispose(): void {
    this.#bytes.dispose();
    this.#places.dispose();
  }

  #place(length: number): void {
    const place = Buffer.allocUnsafe(PLACE_BYTES);
    place.writeUIntLE(this.#end, 0, 6);
    place.writeUInt32LE(length, 6);
    this.#places.append(place);
    this.#end += length;
    this.#count++;
  }
}

const NEWLINE = 10;
const BRACKET = 91;

/** What is said of a line of NDJSON with an image in it, in an order: names would take longer to read than all that they name. */
type LineOrigin = readonly [
  size: ImageSize | null,
  folder: string,
  id: string | null,
  label: number,
  path: string | null,
];

/** Parts that follow each other. Such a line stands behind what is said of it, as it is: all else takes longer. */
function encoded(origin: Origin): readonly Uint8Array[] {
  const { image, size = null, rest } = origin;
  if (rest?.format !== 'ndjson' || image !== 'in line') return [serialize(origin)];
  const { line, folder, says } = rest;
  const { id = null, label, path = null } = says;
  const told: LineOrigin = [size, folder, id, label, path];
  return [Buffer.from(`${JSON.stringify(told)}\n`), line];
}

/** V8's own format begins with 255. */
function decoded(bytes: Buffer): Origin {
  if (bytes[0] !== BRACKET) return deserialize(bytes) as Origin;
  const end = bytes.indexOf(NEWLINE);
  const [size, folder, id, label, path]: LineOrigin = JSON.parse(bytes.toString('utf8', 0, end));
  const says = { ...(id !== null && { id }), label, ...(path !== null && { path }) };
  const rest: Rest = { format: 'ndjson', line: bytes.subarray(end + 1), folder, says };
  return { image: 'in line', ...(size && { size }), rest };
}
