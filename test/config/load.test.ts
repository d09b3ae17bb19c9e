// What stands where: preset < YAML < environment < command line, and what is wrong is named.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ConfigLayers, loadSettings, options } from '../../config/load.ts';
import type { Settings } from '../../config/schema.ts';
import { ConfigError } from '../../src/errors.ts';

const readPreset = (name: string) => ({ name, text: readFileSync(`config/${name}.yaml`, 'utf8') });

function load(text: string, layers: Omit<ConfigLayers, 'file' | 'readPreset'> = {}): Settings {
  return loadSettings({ file: { name: 'test.yaml', text }, readPreset, ...layers });
}

const args = (values: Record<string, string>): Map<string, string> => new Map(Object.entries(values));

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('expected a ConfigError, found none');
}

describe('precedence', () => {
  it('takes defaults where nothing is set', () => {
    const settings = loadSettings({ readPreset });
    for (const { path, option } of options) {
      const [section, name] = path.split('.') as [keyof Settings, string | undefined];
      const value =
        name === undefined ? settings[section] : (settings[section] as Record<string, unknown>)[name];
      expect(value, path).toEqual(option.default);
    }
  });

  it('lets the environment win over the file and the command line over both', () => {
    const file = 'diffusion: { depth: 101, rounds: 11, keep: 1 }';
    const env = { DATAELIXIR_DIFFUSION_DEPTH: '102', DATAELIXIR_DIFFUSION_ROUNDS: '12' };
    const { diffusion } = load(file, { env, args: args({ 'diffusion.rounds': '13' }) });
    expect(diffusion).toMatchObject({ depth: 102, rounds: 13, keep: 1 });
  });

  it('puts the preset below the file', () => {
    const { diffusion } = load('preset: paper\ndiffusion: { rounds: 2 }');
    expect(diffusion).toMatchObject({ depth: 150, rounds: 2, steps: 150, keep: 10, kept: 'state' });
  });

  it('takes the preset from the command line as well', () => {
    expect(load('', { args: args({ preset: 'paper' }) }).diffusion.steps).toBe(150);
  });

  it('coerces lists, flags and unset values', () => {
    const env = { DATAELIXIR_CLASSIFIER_WIDTHS: '8, 16', DATAELIXIR_OVERWRITE: 'true', DATAELIXIR_SEED: '' };
    const settings = load('dataset: { limit: 5 }', {
      env,
      args: args({ 'dataset.limit': '', 'dataset.train': 'a,b' }),
    });
    expect(settings.classifier.widths).toEqual([8, 16]);
    expect(settings.overwrite).toBe(true);
    expect(settings.seed).toBe(0);
    expect(settings.dataset).toMatchObject({ limit: null, train: ['a', 'b'] });
  });

  it('keeps a name that looks like a number as it was typed', () => {
    expect(load('', { args: args({ saveFolderName: '007' }) }).saveFolderName).toBe('007');
  });

  it('takes DATAELIXIR_DATA as root of the data', () => {
    expect(load('', { env: { DATAELIXIR_DATA: '/data' } }).dataset.root).toBe('/data');
    expect(load('', { env: { DATAELIXIR_FAIL_ON: 'poison' } }).detect.failOn).toBe('poison');
    expect(load('', { env: { DATAELIXIR_DETECT_FAIL_ON: 'poison' } }).detect.failOn).toBe('poison');
    const both = { DATAELIXIR_STATE: 'a', DATAELIXIR_STATE_PATH: 'b' };
    expect(messageOf(() => load('', { env: both }))).toMatch(
      /expected DATAELIXIR_STATE or DATAELIXIR_STATE_PATH in the environment, found both/,
    );
  });

  it('reads the resolved configuration of a record again', () => {
    expect(load('seed: 7\nversions: { node: 20.0.0 }').seed).toBe(7);
  });
});

describe('what is wrong is named', () => {
  it.each([
    ['difusion: { rounds: 2 }', /unknown option "difusion" in test\.yaml; did you mean "diffusion"\?/],
    [
      'diffusion: { round: 2 }',
      /unknown option "diffusion\.round" in test\.yaml; did you mean "diffusion\.rounds"\?/,
    ],
    ['zzzzzzzzzz: 1', /unknown option "zzzzzzzzzz" in test\.yaml; `dataelixir --help`/],
    ['__proto__: { seed: 1 }', /unknown option "__proto__"/],
    ['diffusion: { rounds: 0 }', /diffusion\.rounds: expected a whole number from 1 to 100, found 0/],
    ['diffusion: { rounds: 1.5 }', /diffusion\.rounds: expected a whole number from 1 to 100, found 1\.5/],
    ['diffusion: { rounds: 5x }', /diffusion\.rounds: expected a whole number from 1 to 100, found "5x"/],
    ['diffusion: { rounds: [1] }', /diffusion\.rounds: expected a whole number .* found \[1\]/],
    [
      'diffusion: { rounds: { a: 1 } }',
      /expected a whole number from 1 to 100 for "diffusion\.rounds", found a mapping/,
    ],
    ['diffusion: 5', /expected a mapping of options under "diffusion", found number 5/],
    ['attack: { rate: .nan }', /attack\.rate: expected a number from 0 to 1/],
    ['engine: torch', /engine: expected one of onnx, tfjs, found "torch"/],
    ['overwrite: maybe', /overwrite: expected true or false, found "maybe"/],
    ['saveFolderName: ../x', /saveFolderName: expected a string that matches/],
    ['dataset: { train: [1] }', /dataset\.train: expected a list of strings, found \[1\]/],
    [
      'classifier: { widths: [0] }',
      /classifier\.widths: expected a list of whole numbers from 1 to 4096, found \[0\]/,
    ],
    ['diffusion: { depth: 2 }', /diffusion\.steps: expected at most 2 \(diffusion\.depth\), found \d+/],
    ['- a', /test\.yaml: expected a mapping of options, found a list/],
    ['a: [', /test\.yaml is not valid YAML/],
  ])('%s', (text, message) => {
    expect(messageOf(() => load(text))).toMatch(message);
  });

  it('in the environment', () => {
    const unknown = { DATAELIXIR_DIFFUSION_ROUND: '1' };
    expect(messageOf(() => load('', { env: unknown }))).toMatch(
      /DATAELIXIR_DIFFUSION_ROUND .*DATAELIXIR_DIFFUSION_ROUNDS/,
    );
    const wrong = { DATAELIXIR_DIFFUSION_ROUNDS: '1000' };
    expect(messageOf(() => load('', { env: wrong }))).toMatch(/diffusion\.rounds: .* found 1000/);
  });

  it('in several options at once', () => {
    const message = messageOf(() => load('seed: -1\nengine: x'));
    expect(message).toMatch(/seed: .*found -1/);
    expect(message).toMatch(/engine: .*found "x"/);
  });
});

describe('bundled configurations', () => {
  const files = readdirSync('config', { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.yaml'),
  );

  it.each(files)('%s is valid', (file) => {
    const text = readFileSync(join('config', file), 'utf8');
    expect(loadSettings({ file: { name: file, text }, readPreset })).toBeDefined();
  });

  it('are the ones that the documentation names', () => {
    expect(files).toEqual(
      expect.arrayContaining(['demo.yaml', 'paper.yaml', 'badnet/cifar10.yaml', 'badnet/fashion-mnist.yaml']),
    );
  });
});

describe('names of options', () => {
  it('are unique and made from the path', () => {
    for (const key of ['path', 'arg', 'env'] as const) {
      expect(new Set(options.map((option) => option[key])).size).toBe(options.length);
    }
    const rounds = options.find(({ path }) => path === 'diffusion.rounds');
    expect(rounds).toMatchObject({ arg: 'diffusion-rounds', env: 'DATAELIXIR_DIFFUSION_ROUNDS' });
    const folder = options.find(({ path }) => path === 'saveFolderName');
    expect(folder).toMatchObject({ arg: 'save-folder-name', env: 'DATAELIXIR_SAVE_FOLDER_NAME' });
  });

  it('have defaults that pass their own checks', () => {
    expect(() => loadSettings({ readPreset })).not.toThrow();
  });
});
