import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../src/cli/arguments.ts';
import { ConfigError } from '../../src/errors.ts';

describe('parseCommandLine', () => {
  it("takes the reference's own way of calling it", () => {
    const line = parseCommandLine([
      'run',
      '--config',
      'config/badnet/cifar10.yaml',
      '--save-folder-name',
      'badnet',
    ]);
    expect(line).toMatchObject({ command: 'run', config: 'config/badnet/cifar10.yaml', positionals: [] });
    expect([...line.values]).toEqual([['saveFolderName', 'badnet']]);
  });

  it('reads positionals, flags, = and the last of a repeated option', () => {
    const line = parseCommandLine([
      'purify',
      'a',
      '-',
      '--overwrite',
      '--seed=1',
      '--seed',
      '2',
      '--overwrite=false',
    ]);
    expect(line.positionals).toEqual(['a', '-']);
    expect(Object.fromEntries(line.values)).toEqual({ overwrite: 'false', seed: '2' });
  });

  it.each([
    [['--overwrite', 'true'], 'true'],
    [['--overwrite', 'false'], 'false'],
    [['--overwrite=true'], 'true'],
    [['--no-overwrite'], 'false'],
    [['--overwrite'], 'true'],
  ])('reads a flag as %j', (flag, value) => {
    const line = parseCommandLine(['run', ...flag, 'rest']);
    expect(line).toMatchObject({ command: 'run', positionals: ['rest'] });
    expect([...line.values]).toEqual([['overwrite', value]]);
  });

  it('takes true for a value only behind a flag', () => {
    expect(parseCommandLine(['purify', '--overwrite=false', 'true', 'false']).positionals).toEqual([
      'true',
      'false',
    ]);
  });

  it('passes negative numbers on to the schema, which names the range', () => {
    expect(parseCommandLine(['run', '--seed', '-1']).values.get('seed')).toBe('-1');
  });

  it.each([
    [
      ['run', '--diffusion-round', '3'],
      /unknown option --diffusion-round; did you mean "--diffusion-rounds"\?/,
    ],
    [['run', '-x'], /unknown option -x/],
    [['run', '--no-seed'], /unknown option --no-seed/],
    [['run', '--no-overwrite=true'], /unknown option --no-overwrite/],
    [['run', '--seed'], /--seed expects a value, found none/],
    [['run', '--seed', '--overwrite'], /--seed expects a value, found the option --overwrite/],
  ])('%j', (argv, message) => {
    expect(() => parseCommandLine(argv)).toThrow(ConfigError);
    expect(() => parseCommandLine(argv)).toThrow(message);
  });
});
