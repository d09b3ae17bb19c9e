// Some kills of `npm run kills`, so that it stays alive: one of each scenario in the middle of a step that changes something.
// Runs that train their networks are killed by test/cli/state.test.ts.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SCENARIOS } from './scenarios.ts';
import { playTrial } from './trial.ts';

const BUILT = resolve('dist/src/cli/main.js');
const KILLS = 1;
const PLAYED = SCENARIOS.filter(({ name }) => name !== 'training');

describe.skipIf(!existsSync(BUILT))('the built program, killed and called again', () => {
  it.each(PLAYED.map((scenario) => [scenario.name, scenario] as const))('%s', async (_, scenario) => {
    const { different, equal, compared } = await playTrial(scenario, {
      entry: [BUILT],
      kills: KILLS,
      seed: 1,
    });
    expect(different).toEqual([]);
    expect(equal).toBe(KILLS);
    expect(compared).toBeGreaterThan(20);
  });
});
