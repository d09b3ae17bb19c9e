// What a program tells the library: models as paths, the number of classes, and any option of the configuration file,
// nested as it is there. Defaults, ranges and error messages are those of the command line, because the schema is.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSettings } from '../../config/load.ts';
import { type Settings, schema } from '../../config/schema.ts';
import { DENOISER_MEANING } from '../app/meanings.ts';
import { packageRoot } from '../app/paths.ts';
import { ConfigError } from '../errors.ts';

type PartialOf<T> = { readonly [K in keyof T]?: T[K] extends object ? DeepPartial<T[K]> : T[K] };
type DeepPartial<T> = T extends readonly unknown[] ? T : PartialOf<T>;

/** What a program may set; the rest of the schema is of the command line alone. */
const TAKEN = [
  'preset',
  'seed',
  'engine',
  'tfjsBackend',
  'executionProvider',
  'workers',
  'isolation',
  'inFlight',
  'observer',
  'classifier',
  'benign',
  'denoiser',
  'diffusion',
  'detect',
  'repair',
] as const satisfies readonly (keyof Settings)[];

/** Of these sections, what only the command line does. */
const COMMAND_LINE_ONLY = [
  'detect.failOn',
  'detect.windows',
  'observer.path',
  ...Object.keys(schema.denoiser)
    .filter((option) => !DENOISER_MEANING.some((name) => name === option))
    .map((option) => `denoiser.${option}`),
];

/** Options by section, as a YAML file has them: `{ diffusion: { rounds: 3 }, workers: 2 }`. */
export type PartialSettings = DeepPartial<
  Pick<Settings, Exclude<(typeof TAKEN)[number], 'observer' | 'denoiser'>> & {
    readonly observer: Omit<Settings['observer'], 'path'>;
    readonly denoiser: Pick<Settings['denoiser'], (typeof DENOISER_MEANING)[number]>;
  }
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

/** All settings. @throws {ConfigError} for an option that does not exist here, has the wrong type or is out of range */
export function settingsOf(options: Options): Settings {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigError(`expected options, found ${String(options)}; pass at least { classes }`);
  }
  const { classes, settings } = options;
  refuseUntaken(settings ?? {});
  const given = { ...settings, dataset: { classes } };
  return loadSettings({
    file: { name: 'settings', text: JSON.stringify(given) },
    readPreset: (name) => {
      const path = join(packageRoot, 'config', `${name}.yaml`);
      return { name: path, text: readFileSync(path, 'utf8') };
    },
  });
}

/** Programs need not be TypeScript. What the schema does not know is refused with all other options of that kind. */
function refuseUntaken(settings: object): void {
  const names = Object.entries(settings).flatMap(([name, value]) =>
    Object.hasOwn(schema, name) && !TAKEN.some((taken) => taken === name)
      ? [name]
      : Object.keys(value ?? {})
          .map((option) => `${name}.${option}`)
          .filter((path) => COMMAND_LINE_ONLY.includes(path)),
  );
  if (names.length === 0) return;
  throw new ConfigError(
    `settings: expected ${TAKEN.join(', ')}, found ${names.join(', ')}, which only the command line reads; ` +
      'leave it out (the number of classes stands beside the settings)',
  );
}

/** @throws {ConfigError} when items cannot be pulled from a value */
export function checkPullable(source: unknown, what: string): void {
  const isObject = (typeof source === 'object' && source !== null) || typeof source === 'function';
  if (isObject && (Symbol.asyncIterator in source || Symbol.iterator in source || 'subscribe' in source))
    return;
  const found = source === null ? 'null' : isObject ? 'an object without items' : typeof source;
  throw new ConfigError(
    `expected ${what} as an array, iterable, stream or observable, found ${found}; pass one`,
  );
}
