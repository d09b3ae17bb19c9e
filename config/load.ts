// Turns preset, YAML file, environment and command line (in rising order) into checked settings. It reads nothing
// itself: files come in as text and the environment as an object, so that the command line stays the only place
// that knows the process. Whatever the schema does not know is an error that names it.

import convict from 'convict';
import { parse } from 'yaml';
import { ConfigError } from '../src/errors.ts';
import { didYouMean } from './nearest.ts';
import { describe, type Option, registerFormats, type Section } from './options.ts';
import { type Settings, schema } from './schema.ts';

const PREFIX = 'DATAELIXIR_';

/** One option with all its names. */
export interface NamedOption {
  /** Dotted path in the YAML file: `diffusion.rounds`. */
  readonly path: string;
  /** Command-line name without dashes: `diffusion-rounds`. */
  readonly arg: string;
  /** Environment variable: `DATAELIXIR_DIFFUSION_ROUNDS`. */
  readonly env: string;
  /** As its short name on the command line makes it, where there is one: `DATAELIXIR_FAIL_ON`. */
  readonly shortEnv?: string;
  readonly option: Option<unknown>;
}

/** A YAML file by name and content. */
export interface ConfigText {
  readonly name: string;
  readonly text: string;
}

export interface ConfigLayers {
  readonly file?: ConfigText;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Values of the command line by option path, as they were typed; lists of what stood there one by one. */
  readonly args?: ReadonlyMap<string, string | readonly string[]>;
  /** Gives the values of a preset other than `default`. */
  readonly readPreset: (name: string) => ConfigText;
}

registerFormats();

function isOption(node: Option<unknown> | Section): node is Option<unknown> {
  return typeof node.format === 'string';
}

const words = (path: string): string =>
  path.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll('.', '-');

const variable = (arg: string): string => PREFIX + arg.replaceAll('-', '_').toUpperCase();

function collect(section: Section, prefix: string): NamedOption[] {
  return Object.entries(section).flatMap(([name, node]) => {
    const path = prefix + name;
    if (!isOption(node)) return collect(node, `${path}.`);
    const env = node.env ?? variable(words(path));
    const short = node.arg !== undefined && { shortEnv: variable(node.arg) };
    return [{ path, arg: node.arg ?? words(path), env, ...short, option: node }];
  });
}

/** All options, in the order of the schema. */
export const options: readonly NamedOption[] = collect(schema, '');

/**
 * Resolves all settings.
 *
 * @throws {ConfigError} for an option that does not exist, has the wrong type or is out of range
 */
export function loadSettings({ file, env = {}, args = new Map(), readPreset }: ConfigLayers): Settings {
  checkEnvironment(env);
  const variables = withLongNames(withoutEmpty(env));
  const values = file === undefined ? {} : parseValues(file);
  const resolve = (preset: object): convict.Config<unknown> => {
    const config = convict<unknown>(withEnvironment(schema, ''), { env: variables, args: [] });
    config.load(preset);
    config.load(values);
    for (const [path, value] of args) config.set(path, value);
    return config;
  };
  const own = resolve({});
  validate(own);
  const { preset } = own.getProperties() as Settings;
  const config = preset === 'default' ? own : resolve(parseValues(readPreset(preset)));
  validate(config);
  const settings = config.getProperties() as Settings;
  checkTogether(settings);
  return settings;
}

/** Limits that depend on another option. */
function checkTogether({ diffusion, observer: { range } }: Settings): void {
  const limits: [name: string, value: number, limit: number, why: string][] = [
    ['diffusion.steps', diffusion.steps, diffusion.depth, 'diffusion.depth'],
    ['diffusion.keep', diffusion.keep, diffusion.steps, 'diffusion.steps'],
  ];
  for (const [name, value, limit, why] of limits) {
    if (value > limit) throw new ConfigError(`${name}: expected at most ${limit} (${why}), found ${value}`);
  }
  if (range.length > 0 && !(range.length === 2 && range[0]! < range[1]!)) {
    throw new ConfigError(
      `observer.range: expected two numbers, the smaller one first, found ${range.join(', ')}`,
    );
  }
}

/** The schema as convict takes it: with the environment variable of each option. */
function withEnvironment(section: Section, prefix: string): convict.Schema<unknown> {
  const entries = Object.entries(section).map(([name, node]) => {
    const path = prefix + name;
    if (!isOption(node)) return [name, withEnvironment(node, `${path}.`)];
    return [name, { ...node, env: options.find((named) => named.path === path)!.env }];
  });
  return Object.fromEntries(entries);
}

/** An empty variable is one that is not set. */
function withoutEmpty(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
    ),
  );
}

/** @throws {ConfigError} when an option stands under both of its names */
function withLongNames(env: Readonly<Record<string, string>>): Record<string, string> {
  const long = options.flatMap(({ env: name, shortEnv }) => {
    const value = shortEnv === undefined ? undefined : env[shortEnv];
    if (value === undefined) return [];
    if (env[name] === undefined) return [[name, value] as const];
    throw new ConfigError(`expected ${shortEnv} or ${name} in the environment, found both; leave one out`);
  });
  return { ...env, ...Object.fromEntries(long) };
}

function checkEnvironment(env: Readonly<Record<string, string | undefined>>): void {
  const names = options.flatMap(({ env: long, shortEnv }) => [long, shortEnv ?? long]);
  for (const name of Object.keys(env)) {
    if (!name.startsWith(PREFIX) || names.includes(name)) continue;
    throw new ConfigError(`unknown option ${name} in the environment${didYouMean(name, names)}`);
  }
}

function validate(config: convict.Config<unknown>): void {
  try {
    config.validate({ allowed: 'strict' });
  } catch (error) {
    // Convict repeats each value that the messages of our formats already show.
    const message = (error as Error).message.replaceAll(/: value was .*$/gm, '').replaceAll('\n', '; ');
    throw new ConfigError(`${message}; \`dataelixir --help\` lists the range of every option`, {
      cause: error,
    });
  }
}

function parseValues({ name, text }: ConfigText): object {
  let values: unknown;
  try {
    values = parse(text) ?? {};
  } catch (error) {
    throw new ConfigError(`${name} is not valid YAML: ${(error as Error).message}`, { cause: error });
  }
  if (!isMapping(values))
    throw new ConfigError(`${name}: expected a mapping of options, found ${typeName(values)}`);
  // The resolved configuration of a record also says which versions made it; it can be run again as it is.
  const { versions: _, ...rest } = values;
  checkNames(name, rest, schema, '');
  return rest;
}

function checkNames(
  file: string,
  values: Readonly<Record<string, unknown>>,
  section: Section,
  prefix: string,
): void {
  for (const [name, value] of Object.entries(values)) {
    const node = Object.hasOwn(section, name) ? section[name] : undefined;
    if (node === undefined) {
      const paths = options.map((named) => named.path);
      const sections = paths.map((path) => path.replace(/\..*/, ''));
      throw new ConfigError(
        `unknown option "${prefix}${name}" in ${file}${didYouMean(prefix + name, [...sections, ...paths])}`,
      );
    }
    if (isOption(node)) {
      if (!isMapping(value)) continue;
      throw new ConfigError(`${file}: expected ${describe(node)} for "${prefix}${name}", found a mapping`);
    }
    if (!isMapping(value)) {
      throw new ConfigError(
        `${file}: expected a mapping of options under "${prefix}${name}", found ${typeName(value)}`,
      );
    }
    checkNames(file, value, node, `${prefix}${name}.`);
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function typeName(value: unknown): string {
  return Array.isArray(value)
    ? 'a list'
    : value === null
      ? 'nothing'
      : `${typeof value} ${JSON.stringify(value)}`;
}
