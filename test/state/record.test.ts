import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ConfigError } from '../../src/errors.ts';
import { type Metrics, RunRecord } from '../../src/state/record.ts';

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

const create = (overwrite = false) => RunRecord.create(root, 'a', { overwrite, config });

describe('RunRecord', () => {
  it('starts with the resolved configuration and ends with the metrics', () => {
    const record = create();
    expect(parse(readFileSync(join(root, 'a/config.yaml'), 'utf8'))).toEqual(config);
    record.log('one\n');
    record.log('two\n');
    record.finish(metrics);
    expect(readFileSync(join(root, 'a/log.txt'), 'utf8')).toBe('one\ntwo\n');
    expect(JSON.parse(readFileSync(join(root, 'a/metrics.json'), 'utf8'))).toEqual(metrics);
    expect(readdirSync(record.folder).sort()).toEqual(['config.yaml', 'log.txt', 'metrics.json', 'models']);
  });

  it('keeps a finished record unless told otherwise', () => {
    create().finish(metrics);
    expect(() => create()).toThrow(ConfigError);
    expect(() => create()).toThrow(/finished record .*--overwrite/);
    expect(existsSync(join(root, 'a/metrics.json'))).toBe(true);
    create(true);
    expect(existsSync(join(root, 'a/metrics.json'))).toBe(false);
  });

  it('replaces what an interrupted run left', () => {
    create().log('old\n');
    writeFileSync(join(root, 'a/verdict.json.tmp'), '{');
    mkdirSync(join(root, 'a/evidence'));
    const record = create();
    expect(readdirSync(record.folder).sort()).toEqual(['config.yaml', 'models']);
  });

  it('leaves a folder alone that is not a record, even when told to overwrite', () => {
    mkdirSync(join(root, 'a'));
    writeFileSync(join(root, 'a/thesis.tex'), 'precious');
    expect(() => create(true)).toThrow(/found "thesis\.tex" in it/);
    expect(readFileSync(join(root, 'a/thesis.tex'), 'utf8')).toBe('precious');
  });
});
