// The harness from start to end on the bundled dataset and tiny networks: a process a row, as in real campaigns.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SOURCE } from '../cli/program.ts';
import { type Campaign, runCampaign, stateOf } from './campaign.ts';
import { recordPath, type Site, settingsOf } from './definition.ts';
import { type Entry, readEntries } from './results.ts';
import type { BootstrapRow, Row, RunRow } from './rows.ts';
import { isUnchanged } from './unchanged.ts';

const CONFIG = `
dataset: { name: shapes, train: ['shapes:train'], test: ['shapes:test'], limit: 60, testLimit: 20 }
classifier: { widths: [4, 8], epochs: 2, batch: 20, learningRate: 0.05 }
denoiser: { path: denoiser.safetensors, sources: ['shapes:denoiser'], limit: 20, channels: 8, multipliers: [1, 2], groups: 4, steps: 2, batch: 4 }
diffusion: { rounds: 2, steps: 1, batch: 8 }
# Flags nothing: networks of two steps are no ground for a verdict.
detect: { rule: divergence, threshold: 1000000 }
`;

const run = (id: string, set: Readonly<Record<string, string>>, config = 'shapes.yaml'): RunRow => {
  return { kind: 'run', id, config, set: { seed: '1', ...set } };
};
const attacked = run('attacked', { 'attack.name': 'badnet' });
const clean = run('clean', {});
const bootstrap: BootstrapRow = { kind: 'bootstrap', id: 'clean-bootstrap', of: clean, resamples: 20 };
const failing = run('failing', { 'attack.name': 'badnet', 'attack.target': '10' });
const missing = run('missing', {}, 'none.yaml');
const simulation: Row = { kind: 'simulation', id: 'simulation', classes: 5, draws: 20 };
const rows: Row[] = [bootstrap, missing, failing, attacked, clean, simulation];

let site: Site;
let results: string;
/** What the program logged since the last call of `measure`. */
let logged: string;
let reports: string[];
let onLog: () => void = () => undefined;

beforeAll(() => {
  const root = mkdtempSync(join(tmpdir(), 'dataelixir-experiments-'));
  results = join(root, 'docs');
  writeFileSync(join(root, 'shapes.yaml'), CONFIG);
  const log = (text: string) => {
    logged += text;
    onLog();
  };
  site = { root, data: root, program: SOURCE, log };
});
afterAll(() => rmSync(site.root, { recursive: true }));

function measure(only?: Row, signal = new AbortController().signal): Promise<number> {
  reports = [];
  logged = '';
  const campaign: Campaign = {
    site,
    rows,
    results,
    provenance: { commit: 'abc', machine: 'test' },
    report: (text) => reports.push(text),
  };
  return runCampaign(campaign, (row) => only === undefined || row === only, false, signal);
}

const entries = () => readEntries(join(results, 'results.json'));
const entryOf = (row: Row): Entry | undefined => entries().find((entry) => entry.row === row.id);

describe('runCampaign', { timeout: 300_000 }, () => {
  it('enters nothing of a row that is interrupted', async () => {
    const interruption = new AbortController();
    onLog = () => logged.includes('[read]') && interruption.abort(new Error('interrupted'));
    await expect(measure(attacked, interruption.signal)).rejects.toThrow('interrupted');
    onLog = () => undefined;
    expect(logged).toContain('interrupted, cleaning up');
    expect(reports).toEqual(['attacked: begins']);
    expect(entries()).toEqual([]);
    expect(existsSync(join(site.root, 'record/experiments/attacked/metrics.json'))).toBe(false);
  });

  it('measures row after row, past failures', async () => {
    expect(await measure()).toBe(1);
    expect(entries().map(({ row }) => row)).toEqual(['failing', 'attacked', 'clean', 'simulation']);
    expect(reports).toContain('missing: missing config');
    expect(reports).toContain('clean-bootstrap: waits for its run');
    expect(entryOf(failing)?.failed).toMatch(/^exit code 2: .*attack\.target/);
    expect(entryOf(attacked)).toMatchObject({
      commit: 'abc',
      figures: {
        kind: 'run',
        dataset: 'shapes',
        attack: 'badnet',
        seed: 1,
        attacked: [0],
        clean: { ba: expect.any(Number) },
      },
    });
    expect(entryOf(clean)).toMatchObject({
      figures: { attack: 'none', flagged: [], unchanged: true },
      criteria: { flagged: true, unchanged: true },
    });
    const page = readFileSync(join(results, 'results.md'), 'utf8');
    expect(page).toContain('## shapes, 60 images');
    expect(page).toMatch(/\| failed: exit code 2: .* \| failing \|/);
    expect(page).toContain('| missing config | missing |');
  });

  it('goes on where it stopped', async () => {
    const before = entries();
    expect(await measure(attacked)).toBe(0);
    expect(reports).toEqual(['attacked: done']);
    expect(await measure(bootstrap)).toBe(0);
    expect(entryOf(bootstrap)?.figures).toMatchObject({ of: 'clean', datasets: 20, alarms: 0 });
    expect(entries().filter(({ row }) => row !== bootstrap.id)).toEqual(before);
  });

  it('sees when a clean dataset did not come out as it went in', async () => {
    const purified = recordPath(site, clean, 'purified');
    expect(await isUnchanged(site, settingsOf(site, clean), purified)).toBe(true);
    const fewer = { ...clean, set: { 'dataset.limit': '59' } };
    expect(await isUnchanged(site, settingsOf(site, fewer), purified)).toBe(false);
    const others = { ...clean, set: { 'dataset.train': 'shapes:denoiser' } };
    expect(await isUnchanged(site, settingsOf(site, others), purified)).toBe(false);
  });

  it('measures again what was changed', () => {
    writeFileSync(join(site.root, 'shapes.yaml'), `# a comment\n${CONFIG}`);
    expect(stateOf(site, attacked, entries())).toBe('done');
    writeFileSync(join(site.root, 'shapes.yaml'), `${CONFIG}inFlight: 100\n`);
    expect(stateOf(site, attacked, entries())).toBe('outdated');
    expect(stateOf(site, bootstrap, entries())).toBe('outdated');
  });
});
