// `npm run fuzz:files [-- ROUNDS [FIRST]]`: the built program on file systems as people have them. Each round draws an arena
// and calls by its seed (see round.ts); no file that a run did not make may be changed or gone. Rounds have the seeds FIRST
// and following; `FS_FUZZ=SEED` plays one again and leaves its arena there. A line a round on stderr, one JSON object on
// stdout, exit code 1 where anything was found.

import { resolve } from 'node:path';
import { Arena } from './arena.ts';
import { type Played, playRound } from './round.ts';

const ROUNDS = 500;
/** Arenas that are played in at a time. */
const LANES = 2;
const BUILT = [resolve('dist/src/cli/main.js')];

function shown(seed: number, { calls, findings }: Played): string {
  const lines = [...calls, ...findings.map((finding) => `FOUND ${finding}`)];
  return [`round ${seed}: ${findings.length > 0 ? 'FOUND' : 'fine'}`, ...lines].join('\n  ');
}

async function playAll(rounds: number, first: number, keep: boolean): Promise<number> {
  const [ends, found] = [new Map<string, number>(), [] as number[]];
  let [next, smallDisks] = [first, 0];
  const lane = async () => {
    const arena = await Arena.make(BUILT);
    try {
      while (next < first + rounds) {
        const seed = next++;
        const played = await playRound(arena, seed);
        for (const end of played.ends) ends.set(end, (ends.get(end) ?? 0) + 1);
        if (played.smallDisk) smallDisks++;
        if (played.findings.length > 0) found.push(seed);
        process.stderr.write(`${shown(seed, played)}\n`);
      }
    } finally {
      if (keep) process.stderr.write(`${arena.root}\n`);
      else arena.remove();
    }
  };
  await Promise.all(Array.from({ length: Math.min(LANES, rounds) }, lane));
  const summary = { rounds, smallDisks, ends: Object.fromEntries([...ends].sort()), found };
  process.stdout.write(`${JSON.stringify(summary)}\n`);
  return found.length === 0 ? 0 : 1;
}

const again = process.env.FS_FUZZ;
const [rounds = ROUNDS, first = 1] = process.argv.slice(2).map(Number);
process.exitCode = await playAll(again ? 1 : rounds, again ? Number(again) : first, again !== undefined);
