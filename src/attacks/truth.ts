// The ground truth of a poisoned dataset, one JSON object a line: what no defense may read and every evaluation
// needs.

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { DatasetError } from '../errors.ts';

export interface Truth {
  readonly id: string;
  readonly poisoned: boolean;
  /** Label that the sample had before the attack. */
  readonly trueLabel: number;
  /** A regularisation sample: stamped, but with its own label, and so not poisoned. */
  readonly cover?: true;
}

/**
 * Reads a whole manifest, by id.
 *
 * @throws {DatasetError} when a line is not of this kind, or an id occurs twice
 */
export async function readTruth(path: string): Promise<Map<string, Truth>> {
  const truths = new Map<string, Truth>();
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  for await (const line of lines) {
    number++;
    const truth = parseTruth(line);
    if (truth === undefined || truths.has(truth.id)) {
      throw new DatasetError(
        `expected {"id","poisoned","trueLabel"} with a new id in line ${number} of ${path}, ` +
          `found ${line.slice(0, 80)}; make the manifest anew with the dataset`,
      );
    }
    truths.set(truth.id, truth);
  }
  return truths;
}

function parseTruth(line: string): Truth | undefined {
  try {
    const { id, poisoned, trueLabel, cover } = JSON.parse(line);
    const valid =
      typeof id === 'string' &&
      typeof poisoned === 'boolean' &&
      Number.isInteger(trueLabel) &&
      (cover === undefined || cover === true);
    return valid ? { id, poisoned, trueLabel, ...(cover && { cover }) } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}
