// A folder for a test's files, removed when the test ends.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dataelixir-weights-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** Writes a file into a folder of its own and returns its path. */
export async function temporaryFile(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, bytes);
  return path;
}
