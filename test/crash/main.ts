// `tsx test/crash/main.ts [KILLS] [SEED]`: what remains of runs that were killed. A state of 20 samples grows to 40; the run
// is killed (SIGKILL) at a random moment, drawn by the seed, and called again, so many times, each from a copy of the
// state. What it gives away and what it leaves in the state must be the bytes of a run that nobody disturbed.
// One JSON object on stdout, a line a kill on stderr; exit code 1 where anything differs.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { RandomStream, randomKey } from '../../src/math/random.ts';
import { State } from '../../src/state/state.ts';
import { SOURCE } from '../cli/program.ts';
import { runChild } from './child.ts';

const CONFIG = `
seed: 5
workers: 1
logLevel: error
dataset: { name: shapes, train: ['shapes:train'], classes: 10 }
classifier: { widths: [4, 8], epochs: 12, batch: 20, learningRate: 0.05 }
denoiser: { path: denoiser.safetensors, sources: ['shapes:denoiser'], limit: 20, channels: 8, multipliers: [1, 2], groups: 4, steps: 2, batch: 4 }
diffusion: { rounds: 2, steps: 2, keep: 2, batch: 8 }
detect: { rule: divergence, threshold: 0, sides: two-sided, minority: 2, window: 15 }
`;

const folder = mkdtempSync(join(tmpdir(), 'dataelixir-crash-'));
const at = (...parts: string[]) => join(folder, ...parts);

/** Runs to the end, or until it is killed. @returns whether it was */
async function purify(limit: number, name: string, killAfter?: number): Promise<boolean> {
  const args = ['purify', '--config', 'config.yaml', '--dataset-limit', `${limit}`];
  const kill = killAfter === undefined ? undefined : ({ signal: 'SIGKILL', after: killAfter } as const);
  const options = { cwd: folder, entry: SOURCE, kill };
  const end = await runChild([...args, '--state', name, '--save-folder-name', name], options);
  if (end.code === 0 || end.signal === 'SIGKILL') return end.signal !== null;
  throw new Error(`run ${name} ended with exit code ${end.code}: ${end.stderr}`);
}

/** What a run gave away, but for seconds, paths and log, and what it left in its state: by name. */
async function outcome(name: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(at('record', name), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || /^(metrics\.json|config\.yaml|log\.txt)$/.test(entry.name)) continue;
    found.set(path.slice(at('record', name).length), readFileSync(path, 'base64'));
  }
  const state = await State.open(at(name), 'crash');
  for await (const { key, value } of state.contents())
    found.set(`state ${key}`, Buffer.from(value).toString('base64'));
  await state.close();
  return found;
}

async function main(kills: number, seed: number): Promise<number> {
  writeFileSync(at('config.yaml'), CONFIG);
  await purify(20, 'base');
  cpSync(at('base'), at('whole'), { recursive: true });
  const begin = performance.now();
  await purify(40, 'whole');
  const milliseconds = performance.now() - begin;
  const expected = await outcome('whole');
  const moments = new RandomStream(randomKey(seed, 'kills'));
  const counts = { moments: kills, killed: 0, endedBefore: 0, equal: 0, entries: expected.size };
  const different: string[] = [];
  for (let n = 0; n < kills; n++) {
    const name = `kill-${n}`;
    const moment = Math.round(moments.uniform() * milliseconds);
    cpSync(at('base'), at(name), { recursive: true });
    const killed = await purify(40, name, moment);
    counts[killed ? 'killed' : 'endedBefore'] += 1;
    if (killed) await purify(40, name);
    const found = await outcome(name);
    const equal = isDeepStrictEqual(found, expected);
    if (equal) counts.equal += 1;
    else
      different.push(
        `${name}: ${[...new Set([...expected.keys(), ...found.keys()])].filter((key) => found.get(key) !== expected.get(key)).join(', ')}`,
      );
    process.stderr.write(
      `${name}: ${killed ? 'killed' : 'ended'} at ${moment} ms, ${equal ? 'equal' : 'DIFFERENT'}\n`,
    );
    for (const path of [at(name), at('record', name)]) rmSync(path, { recursive: true });
  }
  process.stdout.write(
    `${JSON.stringify({ ...counts, undisturbedMs: Math.round(milliseconds), different })}\n`,
  );
  return different.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(Number(process.argv[2] ?? 50), Number(process.argv[3] ?? 1));
} finally {
  rmSync(folder, { recursive: true });
}
