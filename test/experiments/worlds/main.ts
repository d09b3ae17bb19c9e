// `npm run worlds`: draws worlds, judges each, and adds what came of it to docs/worlds.json, where a world that stands
// already is not judged again. Constants are chosen on worlds of even seeds; those of odd seeds are judged once.

import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../../../src/app/paths.ts';
import { withPool } from '../../../src/app/workspace.ts';
import { settingsOf } from '../../../src/library/options.ts';
import type { Pool } from '../../../src/workers/pool.ts';
import { codeAndMachine } from '../provenance.ts';
import { type AttackedWorld, attackWorld } from './attacked.ts';
import { quantilePlot } from './plot.ts';
import { loadPool, type PoolClass } from './pool.ts';
import { addWorld, readWorlds, type WorldEntry, worldsPage } from './results.ts';
import { judgeWorld } from './run-world.ts';
import { drawWorld, type World } from './world.ts';

const HELP = `Usage: npm run worlds -- [options]

  --kind KIND   clean or attacked; clean where not set
  --from SEED   the first seed; 0 where not set
  --step N      from one seed to the next; 2 for one half of the worlds
  --count N     so many worlds; 0 only writes the page
  --seeds LIST  these seeds instead, with commas
  --redo        judge worlds that stand in docs/worlds.json as well
  --keep DIR    folder for observers and candidates, so that changed tests can be tried on the same worlds in seconds
  --out FILE    instead of docs/worlds.json, without a page
  --workers N   worker threads; one a core where not set
`;

const { values } = parseArgs({
  options: {
    kind: { type: 'string', default: 'clean' },
    from: { type: 'string', default: '0' },
    step: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    seeds: { type: 'string' },
    redo: { type: 'boolean', default: false },
    keep: { type: 'string', default: join(tmpdir(), 'dataelixir-worlds') },
    out: { type: 'string' },
    workers: { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
});

const PAGE = join(packageRoot, 'docs');
const path = values.out ?? join(PAGE, 'worlds.json');

if (values.help) process.stdout.write(HELP);
else {
  const { commit } = codeAndMachine(packageRoot);
  if (Number(values.count) > 0) await judgeAll(commit);
  if (values.out === undefined) await writePage();
}

function seeds(): readonly number[] {
  if (values.seeds !== undefined) return values.seeds.split(',').map(Number);
  const [from, step] = [Number(values.from), Number(values.step)];
  return Array.from({ length: Number(values.count) }, (_, n) => from + n * step);
}

async function judgeAll(commit: string): Promise<void> {
  const images = await loadPool(process.env.DATAELIXIR_DATA || join(packageRoot, '../shared/data'));
  const settings = settingsOf({ classes: 2, settings: { workers: Number(values.workers) } });
  await withPool({ settings, signal: new AbortController().signal }, async (pool) => {
    for (const seed of seeds()) {
      const id = `${values.kind}-${seed}`;
      if (!values.redo && readWorlds(path).some((entry) => entry.id === id)) continue;
      const entry = await judged(pool, images, id, seed, commit);
      await addWorld(path, entry);
      process.stderr.write(`${lineOf(entry)}\n`);
    }
  });
}

async function judged(
  pool: Pool,
  images: readonly PoolClass[],
  id: string,
  seed: number,
  commit: string,
): Promise<WorldEntry> {
  const drawn = await drawWorld(seed, images);
  const world: World & Partial<AttackedWorld> = values.kind === 'clean' ? drawn : await attackWorld(drawn);
  const { verdict, asr, accuracy, seconds } = await judgeWorld(pool, world, join(values.keep, id));
  const { classes, epochs, denoiser, noise, samples, attack } = world;
  return {
    id,
    seed,
    commit,
    samples: samples.length,
    epochs,
    denoiser,
    noise,
    accuracy,
    ...(attack && { attack, ...(asr !== undefined && { asr }) }),
    flagged: verdict.targetLabels,
    classes: verdict.classes.map((found, label) => ({ ...classes[label]!, ...found })),
    canaries: verdict.canaries ?? [],
    seconds: Math.round(seconds),
  };
}

function lineOf({ id, classes, samples, accuracy, attack, asr, flagged, seconds }: WorldEntry): string {
  const attacked =
    attack &&
    `${attack.name} ${attack.labels} of ${attack.attacked}, ${(100 * attack.shareOfClass).toFixed(0)} % of its class, ASR ${asr?.toFixed(2)}`;
  const accused = flagged
    .map((label) => [classes[label]!.name, ...classes[label]!.traits].join(' '))
    .join(', ');
  const about = `${classes.length} classes, ${samples} samples, accuracy ${accuracy.toFixed(2)}`;
  return `${id}: ${[about, ...(attacked ? [attacked] : [])].join('; ')}; flagged ${accused || 'none'}; ${seconds} s`;
}

async function writePage(): Promise<void> {
  const entries = readWorlds(path);
  await writeFile(join(PAGE, 'worlds.md'), worldsPage(entries));
  const honest = entries
    .filter(({ attack }) => !attack)
    .flatMap(({ classes }) => classes.map(({ pValue = 1 }) => pValue));
  if (honest.length > 0) await writeFile(join(PAGE, 'worlds.svg'), await quantilePlot(honest));
}
