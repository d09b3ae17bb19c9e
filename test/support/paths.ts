// Where tests find files: fixtures inside the project, and the large public datasets outside it, which may be
// missing. Tests that need the latter skip visibly: `it.skipIf(dataFolder('mnist') === undefined)`.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Absolute path of a file in the project: `projectPath('config/demo.yaml')`. */
export function projectPath(relative: string): string {
  return ROOT + relative;
}

/** Absolute path of a fixture: `fixturePath('parity/chain.json')`. */
export function fixturePath(relative: string): string {
  return projectPath(`fixtures/${relative}`);
}

/** Absolute path of a public dataset's folder under DATAELIXIR_DATA or ../shared/data; undefined when not there. */
export function dataFolder(name: string): string | undefined {
  const base = process.env.DATAELIXIR_DATA ?? `${ROOT}../shared/data`;
  const path = `${base}/${name}`;
  return existsSync(path) ? path : undefined;
}
