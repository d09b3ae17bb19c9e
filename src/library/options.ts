// What a program tells the library: models as paths, the number of classes, and any option of the configuration file,
// nested as it is there. Defaults, ranges and error messages are those of the command line, because the schema is.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSettings } from '../../config/load.ts';
import type { Settings } from '../../config/schema.ts';
import { packageRoot } from '../cli/paths.ts';

type PartialOf<T> = { readonly [K in keyof T]?: T[K] extends object ? DeepPartial<T[K]> : T[K] };
type DeepPartial<T> = T extends readonly unknown[] ? T : PartialOf<T>;

/** Options by section, as a YAML file has them: `{ diffusion: { rounds: 3 }, workers: 2 }`. */
export type PartialSettings = DeepPartial<
  Pick<
    Settings,
    | 'preset'
    | 'seed'
    | 'engine'
    | 'tfjsBackend'
    | 'executionProvider'
    | 'workers'
    | 'isolation'
    | 'inFlight'
    | 'classifier'
    | 'benign'
    | 'diffusion'
    | 'detect'
    | 'repair'
  >
>;

/** What every function of the library takes. */
export interface Options {
  /** Number of classes; labels are 0 to classes − 1. */
  readonly classes: number;
  /** What is not to be as `dataelixir --help` says. */
  readonly settings?: PartialSettings;
  /** Ends the work, and the iteration with its reason. */
  readonly signal?: AbortSignal;
}

/** All settings. @throws {ConfigError} for an option that does not exist, has the wrong type or is out of range */
export function settingsOf({ classes, settings }: Options): Settings {
  const given = { ...settings, dataset: { classes } };
  return loadSettings({
    file: { name: 'settings', text: JSON.stringify(given) },
    readPreset: (name) => {
      const path = join(packageRoot, 'config', `${name}.yaml`);
      return { name: path, text: readFileSync(path, 'utf8') };
    },
  });
}
