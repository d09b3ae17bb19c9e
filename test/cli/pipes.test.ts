// The program between two pipes, with real processes and tiny untrained networks: a dataset in on stdin, a dataset
// out on stdout, and nothing else there.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataelixir, type Ended } from './program.ts';
import { tinySamples, writeTinyNetworks } from './tiny-networks.ts';

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-pipes-'));
  await writeTinyNetworks(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

function call(args: readonly string[], stdin: string): Promise<Ended> {
  return dataelixir([...args, '--config', 'config.yaml'], { cwd: folder, stdin });
}

const OBSERVED = ['--observer-path', 'observer.onnx'];
const linesOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('run -', () => {
  it('gives nothing but the dataset to stdout, and its table to the log', async () => {
    const few = ['--dataset-classes', '4', '--classifier-epochs', '1', '--save-folder-name', 'experiment'];
    const ended = await call(['run', '--dataset-train', '-', ...OBSERVED, ...few], tinySamples(12));
    expect(ended).toMatchObject({ code: 0 });
    expect(linesOf(ended.stdout).length).toBeGreaterThan(0);
    expect(ended.stderr).toMatch(/^\[run\] flagged labels: /m);
    expect(ended.stderr).toMatch(/^\[run\] cost: /m);
  });
});

describe('purify -', () => {
  it('passes a dataset on, with the verdict and the manifest in the record', async () => {
    const ended = await call(['purify', '-', ...OBSERVED, '--save-folder-name', 'piped'], tinySamples(40));
    expect(ended.stderr).not.toContain('error');
    expect(ended.code).toBe(0);
    const written = linesOf(ended.stdout);
    const manifest = linesOf(readFileSync(at('record/piped/manifest.ndjson'), 'utf8'));
    const verdict = JSON.parse(readFileSync(at('record/piped/verdict.json'), 'utf8'));
    expect(verdict).toMatchObject({ samples: 40, classes: { length: 4 } });
    const kept = manifest.filter(({ image }) => image !== 'none');
    expect(manifest).toHaveLength(40);
    expect(written.map(({ id, label }) => [id, label])).toEqual(kept.map(({ id, label }) => [id, label]));
    expect(existsSync(at('record/piped/purified'))).toBe(false);
    const came = tinySamples(40).split('\n');
    const left = ended.stdout.split('\n');
    const untouched = manifest.filter(({ image, label, given }) => image === 'raw' && label === given);
    expect(untouched.length).toBeGreaterThan(0);
    for (const { id } of untouched) expect(left).toContain(came[Number(id.slice(1))]);
    for (const line of written) expect(line).toMatchObject({ camera: { iso: 100 } });
  });

  it('counts the classes itself where the observer is trained here, and sets bad lines aside', async () => {
    const input = `{\n${tinySamples(12)}`;
    const ended = await call(['purify', '-', '--save-folder-name', 'trained'], input);
    expect(ended.code).toBe(0);
    const verdict = JSON.parse(readFileSync(at('record/trained/verdict.json'), 'utf8'));
    expect(verdict).toMatchObject({ samples: 12, classes: { length: 3 } });
    const [bad, ...others] = linesOf(readFileSync(at('record/trained/quarantine.ndjson'), 'utf8'));
    expect(bad).toMatchObject({ source: 'stdin', offset: 0 });
    expect(others).toEqual([]);
  });

  it('prints the verdict where a folder is named for the dataset, and fails on it after that', async () => {
    const args = ['purify', '-', ...OBSERVED, '--save-folder-name', 'named', '--output-path', 'named'];
    const ended = await call([...args, '--fail-on', 'undecided'], tinySamples(8));
    expect(JSON.parse(ended.stdout)).toMatchObject({ samples: 8 });
    expect(ended.stdout).toContain('"undecided"');
    expect(ended.code).toBe(8);
    expect(existsSync(at('named/dataset.json'))).toBe(true);
    expect(existsSync(at('record/named/metrics.json'))).toBe(true);
  });
});

describe('refusals', () => {
  it.each([
    ['nothing on stdin', 3, [], '', /expected a dataset on stdin, found nothing/],
    ['bytes of no format', 3, [], 'hello', /found bytes 68656c6c6f; set dataset\.format/],
    ['more than one source', 2, ['more'], tinySamples(1), /expected - as the only source/],
    [
      'a format that needs a folder',
      2,
      ['--output-format', 'npz'],
      tinySamples(4),
      /output\.format: expected one of ndjson, webdataset for stdout, found npz/,
    ],
  ])('%s', async (_, code, args, stdin, message) => {
    const ended = await call(['purify', '-', ...args, ...OBSERVED, '--save-folder-name', 'refused'], stdin);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toMatch(message);
  });
});

it('transitions - | detect: the classes are those of the observer', async () => {
  const printed = await call(['transitions', '-', ...OBSERVED], tinySamples(20));
  expect(printed.code).toBe(0);
  expect(linesOf(printed.stdout).map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, i) => `n${i}`));
  const judged = await call(['detect', '--dataset-classes', '4'], printed.stdout);
  expect(JSON.parse(judged.stdout)).toMatchObject({ samples: 20 });
});

describe('lines of somebody who means no good', () => {
  const [one, other, ...rest] = tinySamples(12).split('\n') as [string, string, ...string[]];
  const changed = (line: string, id: string, more = '') =>
    line.replace(/^\{"id": "\w+"/, `{"id": ${id}${more}`);
  const nested = '['.repeat(5000) + ']'.repeat(5000);
  const hostile = [
    changed(one, '"deep"', `, "e": ${nested}`),
    changed(one, '"label"').replace('"label": 0', `"label": ${nested}`),
    changed(one, '"\\ud800"'),
    '{"id": "named", "label": 1, "path": "secret.png"}',
  ];
  const odd = [
    changed(one, '"/abs/../x"'),
    changed(one, `"${'中'.repeat(300)}"`),
    changed(one, '12345678901234567891'),
  ];
  const ids = ['/abs/../x', '中'.repeat(300), '12345678901234567891', 'n1'];
  const input = [...rest, ...hostile, ...odd, other, ''].join('\n');

  it.each(['class-folders', 'webdataset', 'ndjson'])(
    'end no run, and cost only themselves: %s',
    async (format) => {
      writeFileSync(at('secret.png'), Buffer.from(JSON.parse(one).image, 'base64'));
      const name = `hostile-${format}`;
      const args = ['purify', '-', ...OBSERVED, '--save-folder-name', name, '--output-format', format];
      const ended = await call([...args, '--output-path', format, '--log-format', 'json'], input);
      expect(ended.code, ended.stderr).toBe(0);
      const quarantined = linesOf(readFileSync(at('record', name, 'quarantine.ndjson'), 'utf8'));
      expect(quarantined.map(({ id }) => id)).toEqual(['deep', 'label', undefined, 'named']);
      expect(quarantined[3].message).toContain('set dataset.paths');
      const manifest = linesOf(readFileSync(at(format, 'manifest.ndjson'), 'utf8'));
      expect(manifest.map((line) => line.id).slice(-4)).toEqual(ids);
    },
  );

  it('end no run that tells changes, however often', async () => {
    const args = [
      'purify',
      '-',
      ...OBSERVED,
      '--state',
      'hostile.state',
      '--output-changes',
      '--dataset-paths',
      '.',
    ];
    const told = await call(args, input);
    expect(told.code, told.stderr).toBe(0);
    const released = linesOf(told.stdout);
    expect(released.map(({ id }) => id).filter((id) => [...ids, 'named'].includes(id))).toEqual([
      'named',
      ...ids,
    ]);
    expect(await call(args, input)).toMatchObject({ code: 0, stdout: '' });
  });
});
