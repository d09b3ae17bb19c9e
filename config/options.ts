// What one option is, and how each kind is written down in `schema.ts`: a type, a default, a unit and a range.
// The ranges are checked by convict formats which read them from the option itself, so that a number, its limits
// and the line in `--help` cannot drift apart.

import convict from 'convict';

/** The commands of the command line. */
export type CommandName =
  | 'run'
  | 'scan'
  | 'purify'
  | 'merge'
  | 'state'
  | 'poison'
  | 'train'
  | 'train-denoiser'
  | 'transitions'
  | 'detect'
  | 'evaluate';

/**
 * What a text names on disk: which commands read there and which write, so that no command writes over what it reads.
 * Where a command does both, it reads what is there, and makes what is not.
 */
export interface Place {
  readonly readBy?: readonly CommandName[];
  readonly writtenBy?: readonly CommandName[];
  /** Whether it takes patterns, starts from `dataset.root` and may be standard input. */
  readonly sources?: boolean;
}

/** One option: everything that help, checking and coercion need. `T` is the type of its value. */
export interface Option<T> {
  readonly doc: string;
  readonly default: T;
  readonly format: 'de-number' | 'de-text' | 'de-flag' | 'de-choice' | 'de-texts' | 'de-numbers';
  readonly unit?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly integer?: boolean;
  readonly choices?: readonly string[];
  readonly pattern?: RegExp;
  readonly nullable?: boolean;
  /** Where the values of a text lead; null where it names nothing on disk. */
  readonly place?: Place | null;
  /** Name of the environment variable, where it is not the one made from the path. */
  readonly env?: string;
  /** Name of the command-line option, where it is not the one made from the path. */
  readonly arg?: string;
}

/** A section of the schema: options and further sections. */
export interface Section {
  readonly [name: string]: Option<unknown> | Section;
}

/** The values that a schema describes. */
export type SettingsOf<S> = {
  readonly [K in keyof S]: S[K] extends Option<infer T> ? T : SettingsOf<S[K]>;
};

interface Range {
  readonly min: number;
  readonly max: number;
  readonly unit?: string;
  readonly arg?: string;
}

/** A whole number in [min, max]. */
export function integer(doc: string, value: number, { min, max, ...rest }: Range): Option<number> {
  return { doc, default: value, format: 'de-number', integer: true, minimum: min, maximum: max, ...rest };
}

/** As `integer`, and null where nothing is set. */
export function optionalInteger(doc: string, { min, max, ...rest }: Range): Option<number | null> {
  return { ...integer(doc, 0, { min, max, ...rest }), default: null, nullable: true };
}

/** A finite number in [min, max]. */
export function real(doc: string, value: number, { min, max, ...rest }: Range): Option<number> {
  return { doc, default: value, format: 'de-number', minimum: min, maximum: max, ...rest };
}

/** A non-empty string, of the given pattern where there is one. */
export function text(
  doc: string,
  value: string,
  rest: { place: Place | null; pattern?: RegExp; env?: string },
): Option<string> {
  return { doc, default: value, format: 'de-text', ...rest };
}

/** A non-empty string, or null where nothing is set. */
export function optionalText(
  doc: string,
  rest: { place: Place | null; arg?: string },
): Option<string | null> {
  return { doc, default: null, format: 'de-text', nullable: true, ...rest };
}

/** One of the given words. */
export function choice<const C extends readonly string[]>(
  doc: string,
  choices: C,
  value: C[number],
  rest: { arg?: string } = {},
): Option<C[number]> {
  return { doc, default: value, format: 'de-choice', choices, ...rest };
}

/** As `choice`, and null where nothing is set. */
export function optionalChoice<const C extends readonly string[]>(
  doc: string,
  choices: C,
): Option<C[number] | null> {
  return { doc, default: null, format: 'de-choice', choices, nullable: true };
}

/** As `real`, and null where nothing is set. */
export function optionalReal(doc: string, range: Range): Option<number | null> {
  return { ...real(doc, 0, range), default: null, nullable: true };
}

/** Yes or no. */
export function flag(doc: string, value: boolean, rest: { arg?: string } = {}): Option<boolean> {
  return { doc, default: value, format: 'de-flag', ...rest };
}

/** A list of strings; in the environment and on the command line separated by commas. */
export function texts(
  doc: string,
  value: readonly string[],
  rest: { place: Place | null },
): Option<readonly string[]> {
  return { doc, default: value, format: 'de-texts', ...rest };
}

/** A list of whole numbers, each in [min, max]; in the environment and on the command line separated by commas. */
export function integers(
  doc: string,
  value: readonly number[],
  { min, max, ...rest }: Range,
): Option<readonly number[]> {
  return { doc, default: value, format: 'de-numbers', integer: true, minimum: min, maximum: max, ...rest };
}

/** A list of finite numbers, each in [min, max]; in the environment and on the command line separated by commas. */
export function reals(
  doc: string,
  value: readonly number[],
  { min, max, ...rest }: Range,
): Option<readonly number[]> {
  return { doc, default: value, format: 'de-numbers', minimum: min, maximum: max, ...rest };
}

/** The values that an option takes, in words: for error messages and for `--help`. */
export function describe(option: Option<unknown>): string {
  const { minimum, maximum } = option;
  switch (option.format) {
    case 'de-number':
      return `${option.integer ? 'a whole number' : 'a number'} from ${minimum} to ${maximum}`;
    case 'de-numbers':
      return `a list of ${option.integer ? 'whole ' : ''}numbers from ${minimum} to ${maximum}`;
    case 'de-choice':
      return `one of ${option.choices?.join(', ')}`;
    case 'de-flag':
      return 'true or false';
    case 'de-texts':
      return 'a list of strings';
    case 'de-text':
      return option.pattern ? `a string that matches ${option.pattern.source}` : 'a non-empty string';
  }
}

function fits(value: unknown, option: Option<unknown>): boolean {
  switch (option.format) {
    case 'de-number':
      return isNumberIn(value, option);
    case 'de-numbers':
      return Array.isArray(value) && value.every((item) => isNumberIn(item, option));
    case 'de-choice':
      return option.choices?.includes(value as string) ?? false;
    case 'de-flag':
      return typeof value === 'boolean';
    case 'de-texts':
      return Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '');
    case 'de-text':
      return typeof value === 'string' && value !== '' && (option.pattern?.test(value) ?? true);
  }
}

function isNumberIn(value: unknown, { minimum, maximum, integer: whole }: Option<unknown>): boolean {
  if (typeof value !== 'number' || !Number.isFinite(value) || (whole && !Number.isInteger(value)))
    return false;
  return value >= (minimum ?? -Infinity) && value <= (maximum ?? Infinity);
}

function check(value: unknown, option: unknown): void {
  const expected = option as Option<unknown>;
  if (fits(value, expected)) return;
  throw new Error(`expected ${describe(expected)}, found ${JSON.stringify(value)}`);
}

/** Nothing written means nothing set. A text that is not a number stays text, to be shown as it was written. */
function toNumber(value: string): number | string | null {
  if (value.trim() === '') return null;
  return Number.isNaN(Number(value)) ? value : Number(value);
}

const split = (value: string): string[] => (value === '' ? [] : value.split(',').map((item) => item.trim()));

/** Makes the formats above known to convict; strings (from environment and command line) are coerced. */
export function registerFormats(): void {
  convict.addFormats({
    'de-number': { validate: check, coerce: toNumber },
    'de-numbers': { validate: check, coerce: (value: string) => split(value).map(toNumber) },
    'de-text': { validate: check, coerce: (value: string) => (value === '' ? null : value) },
    'de-texts': { validate: check, coerce: split },
    'de-choice': { validate: check, coerce: (value: string) => (value === '' ? null : value) },
    'de-flag': {
      validate: check,
      coerce: (value: string) => ({ true: true, false: false, 1: true, 0: false })[value] ?? value,
    },
  });
}
