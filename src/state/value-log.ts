// Large values apart from their keys (a value log: Lu et al. 2016, "WiscKey"). The database holds where a value stands,
// in one file that only grows, so that sorting keys moves no images and reading neighbours is one call. A value is in the
// file before its place is in the database: who is killed in between leaves bytes that nobody refers to. What a lost
// machine lost, or what was damaged, shows by length and sum, and counts as not there.

import { constants, type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { refusal } from './database.ts';

/** Name of the file. */
export const VALUES = 'values';

/** Bytes that are read in one call at most, unless one value is larger. */
const MOST_READ = 1 << 22;

/** Where a value stands, and its CRC-32: what the database holds, as JSON. */
export type Place = readonly [offset: number, length: number, sum: number];

/** Neighbours that are read together: those from `from` up to `to` of what was asked for. */
interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly offset: number;
  readonly length: number;
}

export class ValueLog {
  readonly #folder: string;
  readonly #file: FileHandle;
  #end: number;
  #synced = true;

  private constructor(folder: string, file: FileHandle, end: number) {
    this.#folder = folder;
    this.#file = file;
    this.#end = end;
  }

  /**
   * Opens the file `values` in the folder of a database that the caller has opened, or begins it.
   *
   * @param readOnly whether it is there and cannot be appended to
   * @throws {StateError} as all methods do where the disk refuses
   */
  static async open(folder: string, readOnly = false): Promise<ValueLog> {
    try {
      const flags = readOnly ? constants.O_RDONLY : constants.O_RDWR | constants.O_CREAT;
      const file = await open(join(folder, VALUES), flags);
      return new ValueLog(folder, file, (await file.stat()).size);
    } catch (error) {
      throw refusal(folder, error as Error);
    }
  }

  /** Writes values behind all others. @returns their places, for the database */
  async append(values: readonly Uint8Array[]): Promise<readonly Place[]> {
    const from = this.#end;
    const places = values.map((value): Place => {
      const offset = this.#end;
      this.#end += value.length;
      return [offset, value.length, crc32(value)];
    });
    const bytes = Buffer.concat(values);
    this.#synced = false;
    await this.#refused(async () => {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.#file.write(bytes, done, bytes.length - done, from + done)).bytesWritten;
      }
    });
    return places;
  }

  /** Values by their places; undefined where there is no place, or not what was put there. Neighbours share memory. */
  async read(places: readonly (Place | undefined)[]): Promise<readonly (Uint8Array | undefined)[]> {
    const found: (Uint8Array | undefined)[] = new Array(places.length).fill(undefined);
    await Promise.all(
      stretchesOf(places).map(async ({ from, to, offset: start, length: all }) => {
        const bytes = await this.#bytes(start, all);
        for (let n = from; n < to; n++) {
          const [offset, length, sum] = places[n]!;
          const value = bytes.subarray(offset - start, offset - start + length);
          if (value.length === length && crc32(value) === sum) found[n] = value;
        }
      }),
    );
    return found;
  }

  /** Resolves when a machine that loses power keeps what was appended. */
  async sync(): Promise<void> {
    if (this.#synced) return;
    // what is appended meanwhile may come too late
    this.#synced = true;
    await this.#refused(() => this.#file.datasync());
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Fewer at the end of the file. */
  async #bytes(offset: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(length);
    let done = 0;
    await this.#refused(async () => {
      while (done < length) {
        const { bytesRead } = await this.#file.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
    });
    return bytes.subarray(0, done);
  }

  async #refused(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw refusal(this.#folder, error as Error);
    }
  }
}

/** Places that follow each other in the file, together. */
function stretchesOf(places: readonly (Place | undefined)[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (let from = 0; from < places.length; ) {
    const first = places[from];
    let to = from + 1;
    if (first) {
      let [offset, length] = first;
      for (; to < places.length && places[to]?.[0] === offset + length; to++) {
        if (length >= MOST_READ) break;
        length += places[to]![1];
      }
      stretches.push({ from, to, offset, length });
    }
    from = to;
  }
  return stretches;
}
