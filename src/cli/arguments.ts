// Reads the command line: a command, its positional arguments, and options whose names come from the schema.
// Values stay as they were typed; the schema coerces and checks them together with file and environment.

import { parseArgs } from 'node:util';
import { type NamedOption, options } from '../../config/load.ts';
import { didYouMean } from '../../config/nearest.ts';
import { ConfigError } from '../errors.ts';

export interface CommandLine {
  /** First positional argument. */
  readonly command: string | undefined;
  /** The other positional arguments. */
  readonly positionals: readonly string[];
  readonly help: boolean;
  readonly version: boolean;
  /** Value of `--config`. */
  readonly config: string | undefined;
  /** Values by option path. */
  readonly values: ReadonlyMap<string, string>;
}

const byArg = new Map(options.map((named) => [named.arg, named]));
const isFlag = ({ option }: NamedOption): boolean => option.format === 'de-flag';

/** What may follow a flag as its value. */
const isTruth = (value: string): boolean => value === 'true' || value === 'false';

/** The flag that `no-…` says no to. */
function deniedBy(name: string): NamedOption | undefined {
  const named = name.startsWith('no-') ? byArg.get(name.slice('no-'.length)) : undefined;
  return named && isFlag(named) ? named : undefined;
}

/**
 * @param argv arguments after the program's name
 * @throws {ConfigError} for an unknown option, or one without its value
 */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { tokens } = parseArgs({
    args: [...argv],
    options: {
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
      config: { type: 'string', short: 'c' },
      ...Object.fromEntries(
        options.map((named) => [named.arg, { type: isFlag(named) ? 'boolean' : 'string' } as const]),
      ),
    },
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const positionals: string[] = [];
  const own = new Map<string, string>();
  const values = new Map<string, string>();
  let alone: NamedOption | undefined;
  for (const token of tokens) {
    const before = alone;
    alone = undefined;
    if (token.kind === 'positional') {
      if (before && isTruth(token.value)) values.set(before.path, token.value);
      else positionals.push(token.value);
    }
    if (token.kind !== 'option') continue;
    const { name, rawName } = token;
    if (name === 'help' || name === 'version') own.set(name, 'true');
    else if (name === 'config') own.set(name, textOf(token));
    else {
      const named = byArg.get(name);
      const denied = named === undefined && token.value === undefined ? deniedBy(name) : undefined;
      if (denied) values.set(denied.path, 'false');
      else if (named === undefined) throw unknownOption(rawName);
      else if (isFlag(named)) {
        values.set(named.path, token.value ?? 'true');
        if (token.value === undefined) alone = named;
      } else values.set(named.path, textOf(token));
    }
  }
  const [command, ...rest] = positionals;
  return {
    command,
    positionals: rest,
    help: own.has('help'),
    version: own.has('version'),
    config: own.get('config'),
    values,
  };
}

function unknownOption(rawName: string): ConfigError {
  const names = ['--config', '--help', '--version', ...[...byArg.keys()].map((name) => `--${name}`)];
  return new ConfigError(`unknown option ${rawName}${didYouMean(rawName, names)}`);
}

interface OptionToken {
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** A value that looks like the next option was forgotten; `--name=--value` says that it is meant. */
function textOf({ rawName, value, inlineValue }: OptionToken): string {
  if (value === undefined || (!inlineValue && value.startsWith('--'))) {
    throw new ConfigError(
      `${rawName} expects a value, found ${value === undefined ? 'none' : `the option ${value}`}`,
    );
  }
  return value;
}
