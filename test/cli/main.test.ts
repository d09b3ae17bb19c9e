// The program as a process: exit codes, and what goes to stdout and what to stderr.

import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { dataelixir } from './program.ts';

describe('asking for information', () => {
  it('prints the version', async () => {
    expect(await dataelixir(['--version'])).toEqual({
      code: 0,
      stdout: `${packageJson.version}\n`,
      stderr: '',
    });
  });

  it('prints the help of the program and of a command on stdout', async () => {
    const program = await dataelixir(['--help']);
    expect(program).toMatchObject({ code: 0, stderr: '' });
    expect(program.stdout).toContain('Commands:');
    const command = await dataelixir(['detect', '--help'], { cwd: tmpdir() });
    expect(command).toMatchObject({ code: 0, stderr: '' });
    expect(command.stdout).toContain('dataelixir detect:');
  });

  it.skipIf(!existsSync('dist/src/cli/main.js'))('runs from dist, from any folder', async () => {
    const entry = [`${process.cwd()}/dist/src/cli/main.js`];
    const ended = await dataelixir(['--version'], { cwd: tmpdir() }, entry);
    expect(ended).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: '' });
  });
});

describe('logs that no person reads', () => {
  it.each([{ DATAELIXIR_LOG_FORMAT: '' }, { DATAELIXIR_LOG_FORMAT: 'json' }])(
    'are JSON (%j)',
    async (env) => {
      const ended = await dataelixir(['detect', '--dataset-classes', '3'], { env });
      expect(JSON.parse(ended.stderr)).toMatchObject({
        level: 'warn',
        stage: 'detect',
        message: 'found no record on stdin',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      });
      const wrong = await dataelixir(['purfy'], { env });
      expect(JSON.parse(wrong.stderr)).toMatchObject({ level: 'error', stage: 'dataelixir' });
    },
  );
});

describe('wrong usage ends with 2, one line on stderr and nothing on stdout', () => {
  it.each([
    [['purfy'], /^\[dataelixir\] error: unknown command "purfy"; did you mean "purify"\?\n$/],
    [[], /expected a command, found none/],
    [['test/cli'], /expected a command first, found the path test\/cli; .*`dataelixir purify test\/cli`/],
    [['no/such'], /expected a command first, found the path no\/such;/],
    [['run', '--sede', '1'], /unknown option --sede; did you mean "--seed"\?/],
    [['run', '--seed', '-1'], /seed: expected a whole number from 0 to 4294967295, found -1/],
    [['run', 'extra'], /expected no argument after run, found "extra"/],
    [
      ['run', '--state', 'x'],
      /expected options that run reads, found --state, which only purify, merge, state read; leave it out/,
    ],
    [['train', '--output-format=npz'], /found --output-format, which only run, purify, poison read/],
    [['run', '--config', 'no/such.yaml'], /cannot read the configuration file .*no\/such\.yaml/],
  ])('%j', async (args, message) => {
    const ended = await dataelixir(args);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('a denoiser that is missing, with those that can be had, after the source was looked at', async () => {
    const ended = await dataelixir(['purify', 'shapes:train']);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toContain('expected a denoiser for images of 3×32×32, found none');
    const named = [...ended.stderr.matchAll(/(\S+\.safetensors) \((\d+×\d+×\d+)\)/g)];
    expect(named.map(([, path]) => path)).toEqual(
      ['cifar10', 'fashion-mnist', 'shapes'].map((name) => `models/${name}.safetensors`),
    );
    expect(named.map(([, , shape]) => shape)).toEqual(['3×32×32', '1×28×28', '3×32×32']);
    const nowhere = await dataelixir(['purify', 'nowhere', '--denoiser-path', 'missing.safetensors']);
    expect(nowhere).toMatchObject({ code: 3, stdout: '' });
    expect(nowhere.stderr).toMatch(/expected a dataset at .*nowhere/);
  });

  it('in the environment', async () => {
    const ended = await dataelixir(['run'], { env: { DATAELIXIR_ENGINE: 'torch' } });
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(/engine: expected one of onnx, tfjs, found "torch"/);
  });
});
