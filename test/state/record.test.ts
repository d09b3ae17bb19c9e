import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ConfigError } from '../../src/errors.ts';
import { markWritten } from '../../src/files/written.ts';
import { type Metrics, RunRecord } from '../../src/state/record.ts';
import { bury } from '../support/dead-owner.ts';

const config = { seed: 3, diffusion: { rounds: 2 }, versions: { node: '20.0.0' } };
const metrics: Metrics = {
  dataset: { name: 'shapes', train: 10, classes: 2 },
  cost: { seconds: { train: 1.5 }, peakRssMiB: 100 },
};

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dataelixir-record-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const create = (overwrite = false, keep: readonly string[] = []) =>
  RunRecord.create(root, 'a', { overwrite, config, keep });
/** A record that a run has made that ended well, or that did not. */
async function made(...names: readonly string[]): Promise<void> {
  const record = await create(true);
  for (const name of names) writeFileSync(record.path(...name.split('/')), name);
  await record.release();
}
const at = (...parts: string[]) => join(root, 'a', ...parts);
/** Files and folders of the record, but for its list. */
const entries = () =>
  readdirSync(at(), { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.startsWith('.'))
    .sort();

describe('RunRecord', () => {
  it('starts with the resolved configuration and ends with the metrics', async () => {
    const record = await create();
    expect(parse(readFileSync(at('config.yaml'), 'utf8'))).toEqual(config);
    record.log('one\n');
    record.log('two\n');
    record.finish(metrics);
    await record.release();
    expect(readFileSync(at('log.txt'), 'utf8')).toBe('one\ntwo\n');
    expect(JSON.parse(readFileSync(at('metrics.json'), 'utf8'))).toEqual(metrics);
    expect(readdirSync(record.folder).sort()).toEqual([
      '.dataelixir.ndjson',
      'config.yaml',
      'log.txt',
      'metrics.json',
    ]);
  });

  it('keeps a finished record unless told otherwise', async () => {
    await made('metrics.json');
    await expect(create()).rejects.toThrow(ConfigError);
    await expect(create()).rejects.toThrow(/finished record .*--overwrite/);
    expect(existsSync(at('metrics.json'))).toBe(true);
    await create(true);
    expect(existsSync(at('metrics.json'))).toBe(false);
  });

  it('replaces what an interrupted run left, but for what is to stay', async () => {
    await made('log.txt', 'evidence/trigger-1.png', 'models/benign.onnx', 'corrections.ndjson');
    const record = await create(false, ['corrections.ndjson', 'models']);
    expect(entries()).toEqual(['config.yaml', 'corrections.ndjson', 'models', 'models/benign.onnx']);
    // and that is still known to be of a record
    await record.remove('models');
    await record.release();
    await (await create()).release();
    expect(entries()).toEqual(['config.yaml']);
  });

  it.each([
    ['thesis.tex'],
    ['config.yaml'],
    ['models/resnet.pt'],
    ['scratch-notes/n.txt'],
    ['purified/0/a.png'],
  ])('leaves a folder with %s alone that is not a record, even when told to overwrite', async (path) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), 'precious');
    await expect(create(true)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(
        /found ".*" in it and no list of files .*; choose another --save-folder-name/,
      ),
    });
    expect(readFileSync(at(path), 'utf8')).toBe('precious');
    expect(entries().at(-1)).toBe(path);
    expect(existsSync(at('.dataelixir.ndjson'))).toBe(false);
  });

  it('keeps what somebody else has put into a record', async () => {
    await made('models/benign.onnx', 'evidence/trigger-1.png');
    const theirs = ['notes.txt', 'models/mine.pt', 'mine/deep.txt'];
    mkdirSync(at('mine'));
    for (const path of theirs) writeFileSync(at(path), 'precious');
    const record = await create(true);
    expect(entries()).toEqual([
      'config.yaml',
      'mine',
      'mine/deep.txt',
      'models',
      'models/mine.pt',
      'notes.txt',
    ]);
    // nor is it overwritten
    writeFileSync(at('models/observer.onnx'), 'precious');
    expect(() => record.path('models', 'observer.onnx')).toThrow(
      /expected nothing in a record but what runs wrote/,
    );
  });

  it.each(['verdict.json', 'evidence/mine.png', 'purified/mine.png'])(
    'refuses to begin where somebody else has put %s in its way',
    async (path) => {
      await made('purified/0/a.png');
      if (path.startsWith('purified')) await markWritten(at('purified'));
      mkdirSync(dirname(at(path)), { recursive: true });
      writeFileSync(at(path), 'precious');
      await expect(create(true)).rejects.toThrow(
        /expected nothing in a record but what runs wrote, found .*; move/,
      );
      expect(readFileSync(at(path), 'utf8')).toBe('precious');
      expect(existsSync(at('purified/0/a.png'))).toBe(true);
    },
  );

  it('is one run at a time', async () => {
    const first = await create();
    first.log('first\n');
    await expect(create(true)).rejects.toMatchObject({ exitCode: 7 });
    expect(readFileSync(at('log.txt'), 'utf8')).toBe('first\n');
    bury(first.scratch);
    await create();
    expect(existsSync(at('log.txt'))).toBe(false);
  });

  it('may be behind a link, which stays', async () => {
    mkdirSync(join(root, 'real'));
    symlinkSync(join(root, 'real'), at());
    await made('log.txt');
    await create();
    expect(readdirSync(join(root, 'real'))).toContain('config.yaml');
    expect(lstatSync(at()).isSymbolicLink()).toBe(true);
  });
});
