// `npm run worlds`: draws worlds, judges each, and adds what came of it to docs/worlds.json, where a world that stands
// already is not judged again. Worlds of even seeds are for choosing, those of odd seeds for reporting, once.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../../../src/cli/paths.ts';
import { withPool } from '../../../src/cli/workspace.ts';
import { settingsOf } from '../../../src/library/options.ts';
import { type AttackedWorld, attackWorld } from './attacked.ts';
import { loadPool } from './pool.ts';
import { judgeWorld } from './run-world.ts';
import { drawWorld } from './world.ts';

const { values } = parseArgs({
  options: {
    kind: { type: 'string', default: 'clean' },
    from: { type: 'string', default: '0' },
    count: { type: 'string', default: '1' },
    step: { type: 'string', default: '1' },
    out: { type: 'string', default: join(packageRoot, 'docs/worlds.json') },
    keep: { type: 'string', default: join(tmpdir(), 'dataelixir-worlds') },
    redo: { type: 'boolean', default: false },
    workers: { type: 'string', default: '2' },
  },
});
const data = process.env.DATAELIXIR_DATA || join(packageRoot, '../shared/data');
const pool = await loadPool(data);
const { from, count, step } = values;
const settings = settingsOf({ classes: 2, settings: { workers: Number(values.workers) } });
const { signal } = new AbortController();
await withPool({ settings, signal }, async (workers) => {
  for (let n = 0; n < Number(count); n++) {
    const seed = Number(from) + n * Number(step);
    const id = `${values.kind}-${seed}`;
    const entries: { id: string }[] = existsSync(values.out)
      ? JSON.parse(readFileSync(values.out, 'utf8'))
      : [];
    if (!values.redo && entries.some((entry) => entry.id === id)) continue;
    const drawn = await drawWorld(seed, pool);
    const world = values.kind === 'clean' ? drawn : await attackWorld(drawn);
    const { verdict, asr, accuracy, seconds } = await judgeWorld(workers, world, join(values.keep, id));
    const { classes, epochs, denoiser, noise, samples } = world;
    const { attack } = world as Partial<AttackedWorld>;
    const entry = {
      id,
      seed,
      samples: samples.length,
      epochs,
      denoiser,
      noise,
      accuracy,
      ...(attack && { attack, asr }),
      flagged: verdict.targetLabels,
      classes: verdict.classes.map((found, label) => ({ ...classes[label], ...found })),
      canaries: verdict.canaries,
      seconds,
    };
    const now: { id: string }[] = existsSync(values.out) ? JSON.parse(readFileSync(values.out, 'utf8')) : [];
    writeFileSync(values.out, JSON.stringify([...now.filter((one) => one.id !== id), entry]));
    process.stderr.write(
      `${id}: ${classes.length} classes, ${samples.length} samples, accuracy ${accuracy.toFixed(2)}, ` +
        `${attack ? `${attack.name} ${attack.labels} of ${attack.attacked} (${(100 * attack.shareOfClass).toFixed(0)} % of class), ASR ${asr?.toFixed(2)}, ` : ''}` +
        `flagged ${verdict.targetLabels.map((label) => `${label} ${classes[label]!.name} [${classes[label]!.traits}]`) || 'none'}, ` +
        `${(seconds.observer + seconds.verdict).toFixed(0)} s\n`,
    );
  }
});
