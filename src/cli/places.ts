// What a command reads and writes on disk, as its options say: each text of the schema tells which commands do what with
// the place that it names. What stands beside such a place and has no option of its own is added here.

import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { options } from '../../config/load.ts';
import type { CommandName } from '../../config/options.ts';
import type { Settings } from '../../config/schema.ts';
import { matcherOf, matchesOf, patternOf } from '../app/globs.ts';
import { MANIFEST_ENDING, STANDARD, sourcePath, toStandardOutput, trainingStatePath } from '../app/paths.ts';
import { SHAPES } from '../datasets/formats.ts';
import type { Input, Output } from './overlaps.ts';

/** What a command is called with. */
export interface Call {
  readonly command: CommandName;
  readonly settings: Settings;
  /** Configuration file, as it was named. */
  readonly config: string | undefined;
  locate(path: string): string;
}

export interface Places {
  readonly inputs: readonly Input[];
  readonly outputs: readonly Output[];
}

/** All that a command reads and writes. */
export async function placesOf(call: Call): Promise<Places> {
  const { command, settings, config, locate } = call;
  const inputs: Input[] = config === undefined ? [] : [{ name: '--config', path: locate(config) }];
  const outputs: Output[] = [];
  for (const { path: name, arg, option } of options) {
    const { readBy = [], writtenBy = [], sources } = option.place ?? {};
    const [reads, writes] = [readBy.includes(command), writtenBy.includes(command)];
    for (const value of reads || writes ? valuesOf(settings, name) : []) {
      if (sources) inputs.push(...(await sourcesOf(name, value, call)));
      else if (reads && (!writes || existsSync(locate(value)))) inputs.push({ name, path: locate(value) });
      else if (writes) outputs.push(...outputsOf({ name, remedy: `--${arg}`, path: value }, call));
    }
  }
  if (purifies(command) && toStandardOutput(call)) {
    outputs.push({ name: 'stdout', path: '/dev/stdout', remedy: 'place for it' });
  }
  return { inputs, outputs };
}

/** The texts that an option holds. */
function valuesOf(settings: Settings, name: string): readonly string[] {
  const value = name
    .split('.')
    .reduce<unknown>((section, key) => (section as Readonly<Record<string, unknown>>)[key], settings);
  return [value ?? []].flat() as string[];
}

async function sourcesOf(name: string, source: string, { settings, locate }: Call): Promise<Input[]> {
  if (source.startsWith(SHAPES)) return [];
  if (source === STANDARD) return [{ name: 'stdin', path: '/dev/stdin' }];
  const path = sourcePath(settings.dataset.root, source, locate);
  const pattern = await patternOf(path);
  if (pattern === undefined) return withLinks({ name, path });
  const found = await matchesOf(pattern);
  return [
    { name, path, matches: matcherOf(pattern) },
    ...found.flatMap((one) => withLinks({ name, path: one })),
  ];
}

/** A source, and what the links in its folder lead to: class folders may lie elsewhere. */
function withLinks(source: Input): Input[] {
  try {
    const links = readdirSync(source.path, { withFileTypes: true }).filter((entry) => entry.isSymbolicLink());
    return [source, ...links.map(({ name }) => ({ ...source, path: join(source.path, name) }))];
  } catch {
    // a file, or nothing that could be read now
    return [source];
  }
}

/** What is written for an option: there, and beside it. */
function outputsOf({ name, path: value, remedy }: Output, { command, settings }: Call): Output[] {
  const path = resolve(value);
  const record = resolve(settings.recordRoot, settings.saveFolderName);
  const one = { name, path, remedy };
  switch (name) {
    case 'recordRoot':
      return [{ name: 'the record folder', path: record, remedy: '--save-folder-name or --record-root' }];
    case 'denoiser.path':
      return [one, { ...one, path: trainingStatePath(path) }];
    case 'detect.windows':
      return [value.startsWith('fd:') ? { ...one, path: `/dev/fd/${value.slice(3)}` } : one];
    case 'output.path': {
      if (!purifies(command)) return [one];
      // where it goes if nothing is named
      const usual = path === join(record, 'purified');
      return value === STANDARD || usual ? [] : [one, { ...one, path: path + MANIFEST_ENDING }];
    }
    default:
      return [one];
  }
}

/** Whether a command makes a purified dataset. */
function purifies(command: CommandName): boolean {
  return command === 'run' || command === 'purify';
}
