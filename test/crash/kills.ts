// `npm run kills [-- KILLS [SEED [SCENARIO …]]]`: what remains of runs of the built program that were killed and called
// again (see scenarios.ts and trial.ts): the bytes of a run that nobody disturbed. A line a kill on stderr, one JSON object a
// scenario on stdout; exit code 1 where anything differs.

import { resolve } from 'node:path';
import { SCENARIOS } from './scenarios.ts';
import { playTrial } from './trial.ts';

const KILLS = 20;
const [kills = KILLS, seed = 1] = process.argv.slice(2, 4).map(Number);
const names = process.argv.slice(4);
const options = { entry: [resolve('dist/src/cli/main.js')], kills, seed };

for (const scenario of SCENARIOS.filter(({ name }) => names.length === 0 || names.includes(name))) {
  const said = (line: string) => process.stderr.write(`${line}\n`);
  const trial = await playTrial(scenario, { ...options, said });
  process.stdout.write(`${JSON.stringify(trial)}\n`);
  if (trial.different.length > 0) process.exitCode = 1;
}
