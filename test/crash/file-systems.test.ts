// Some rounds of `npm run fuzz:files`, so that it stays alive, and one with a program that does what it must not.

import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Arena } from './arena.ts';
import { type Played, playRound } from './round.ts';

const BUILT = resolve('dist/src/cli/main.js');
const ROUNDS = 6;
/** A round in which nothing is killed, and no folder locked. */
const QUIET = 4;

describe.skipIf(!existsSync(BUILT))('the built program', () => {
  let arena: Arena;
  beforeAll(async () => {
    arena = await Arena.make([BUILT]);
  });
  afterAll(() => arena.remove());

  it('leaves what it did not make in a few rounds', async () => {
    const played: Played[] = [];
    for (let seed = 1; seed <= ROUNDS; seed++) played.push(await playRound(arena, seed));
    expect(played.filter(({ findings }) => findings.length > 0)).toEqual([]);
    expect(played.flatMap(({ ends }) => ends).length).toBeGreaterThanOrEqual(ROUNDS);
  });
});

/** What a program does in each of its runs, but for those that prepare the arena. */
const HARMS = [
  ["appendFileSync('a.ndjson', 'more')", /^a\.ndjson: file .* now file /],
  ["rmSync('mine', { recursive: true })", /^mine: folder .* now nothing/],
  ["chmodSync('data', 0o700)", /^data: folder 755, now folder 700/],
  [
    "rmSync('empty', { recursive: true }); symlinkSync('data', 'empty')",
    /^empty: folder .* now link to data/,
  ],
  ['process.exit(1)', /^ended with 1/],
] as const;

it.each(HARMS)('sees a program that does %s', async (harm, expected) => {
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-harm-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  const program = join(folder, 'program.mjs');
  writeFileSync(program, '');
  const arena = await Arena.make([program]);
  onTestFinished(() => arena.remove());
  writeFileSync(
    program,
    `import { appendFileSync, chmodSync, rmSync, symlinkSync } from 'node:fs';\n${harm};\n`,
  );
  const { findings } = await playRound(arena, QUIET);
  expect(findings).toContainEqual(expect.stringMatching(expected));
});
