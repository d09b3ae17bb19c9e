// One row, measured: a run of the program in a process of its own, exactly as a user starts it, and what its record
// says; or the verdict on many clean datasets.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { options } from '../../config/load.ts';
import type { TransitionRecord } from '../../src/ports/records.ts';
import type { Metrics } from '../../src/state/record.ts';
import { cleanModelPath, defaultSettings, RECORDS, recordPath, type Site, settingsOf } from './definition.ts';
import { type Figures, runFigures } from './figures.ts';
import type { BootstrapRow, Row, RunRow, SimulationRow } from './rows.ts';
import { simulated } from './simulation.ts';
import { isUnchanged } from './unchanged.ts';
import { countAlarms, judgeOf, resampled } from './verdicts.ts';

/**
 * Measures a row.
 *
 * @throws an error with the program's last words when it fails; the reason of `signal` when that aborts
 */
export function runRow(site: Site, row: Row, signal: AbortSignal): Promise<Figures> {
  switch (row.kind) {
    case 'run':
      return runProgram(site, row, signal);
    case 'bootstrap':
      return bootstrap(site, row, signal);
    case 'simulation':
      return simulate(row, signal);
  }
}

async function runProgram(site: Site, row: RunRow, signal: AbortSignal): Promise<Figures> {
  const settings = settingsOf(site, row);
  const set = {
    ...row.set,
    saveFolderName: row.id,
    recordRoot: RECORDS,
    overwrite: 'true',
    'output.format': 'webdataset',
    'evaluation.clean': cleanModelPath(settings),
  };
  const args = Object.entries(set).map(([path, value]) => `--${argOf(path)}=${value}`);
  await call(site, ['run', '--config', row.config, ...args], signal);
  const metrics: Metrics = JSON.parse(readFileSync(recordPath(site, row, 'metrics.json'), 'utf8'));
  if (settings.attack.name !== 'none') return runFigures(metrics, settings);
  return runFigures(metrics, settings, await isUnchanged(site, settings, recordPath(site, row, 'purified')));
}

async function bootstrap(site: Site, { of, resamples }: BootstrapRow, signal: AbortSignal): Promise<Figures> {
  const settings = settingsOf(site, of);
  const metrics: Metrics = JSON.parse(readFileSync(recordPath(site, of, 'metrics.json'), 'utf8'));
  const lines = readFileSync(recordPath(site, of, 'transitions.ndjson'), 'utf8').split('\n');
  const records = lines.filter((line) => line !== '').map((line): TransitionRecord => JSON.parse(line));
  const judge = judgeOf(settings, metrics.dataset.classes);
  const startedAt = performance.now();
  const alarms = await countAlarms(
    judge,
    resamples,
    (draw) => resampled(records, settings.seed, draw),
    signal,
  );
  const seconds = secondsSince(startedAt);
  return { kind: 'bootstrap', of: of.id, datasets: resamples, alarms, seconds };
}

async function simulate({ classes, draws }: SimulationRow, signal: AbortSignal): Promise<Figures> {
  const judge = judgeOf(defaultSettings(), classes);
  const startedAt = performance.now();
  const alarms = await countAlarms(judge, draws, (draw) => simulated(classes, draw), signal);
  const of = `${classes} clean classes, drawn`;
  return { kind: 'simulation', of, datasets: draws, alarms, seconds: secondsSince(startedAt) };
}

function secondsSince(startedAt: number): number {
  return Math.round(performance.now() - startedAt) / 1000;
}

/** Name of an option on the command line. */
function argOf(path: string): string {
  const named = options.find((option) => option.path === path);
  if (named === undefined)
    throw new Error(`expected an option of config/schema.ts, found "${path}" in a row`);
  return named.arg;
}

/** Runs the program in a process group of its own, so that Ctrl-C reaches it once: through us. */
async function call(site: Site, args: readonly string[], signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  // nothing in the environment but the place of the data may change what a row is
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DATAELIXIR_'));
  const env = {
    ...Object.fromEntries(inherited),
    DATAELIXIR_DATA: site.data,
    DATAELIXIR_LOG_FORMAT: 'human',
  };
  const child = spawn(process.execPath, [...site.program, ...args], {
    cwd: site.root,
    env,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const interrupt = () => child.kill('SIGINT');
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', interrupt);
  process.on('exit', kill);
  let last = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    site.log(text);
    last = `${last}${text}`.trimEnd().split('\n').at(-1) ?? '';
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`exit code ${code}: ${last}`);
  } finally {
    signal.removeEventListener('abort', interrupt);
    process.off('exit', kill);
  }
}
