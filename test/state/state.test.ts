import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { StateError } from '../../src/errors.ts';
import { mergeStates } from '../../src/state/merge.ts';
import { State } from '../../src/state/state.ts';

let root: string;
const at = (...parts: string[]) => join(root, ...parts);
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dataelixir-states-'));
});
afterEach(() => rmSync(root, { recursive: true }));

it('is not made in the database of another program', async () => {
  const theirs = new ClassicLevel(at('theirs'));
  await theirs.put('run/b/theirs', 'precious');
  await theirs.close();
  await expect(State.open(at('theirs'), 'test')).rejects.toThrow(StateError);
  await theirs.open();
  expect(await theirs.iterator().all()).toEqual([['run/b/theirs', 'precious']]);
  await theirs.close();
});

it('is merged beside its place under a name of its own', async () => {
  for (const name of ['a', 'b']) {
    const state = await State.open(at(name), 'test');
    await state.bind({ denoiser: 'x' }, 2);
    await state.commit();
    await state.close();
  }
  mkdirSync(at('out.partial'));
  writeFileSync(at('out.partial/mine'), 'precious');
  expect(await mergeStates([at('a'), at('b')], at('out'), 'test')).toEqual({ samples: 0, candidates: 0 });
  expect(readFileSync(at('out.partial/mine'), 'utf8')).toBe('precious');
  expect(readdirSync(root).sort()).toEqual(['a', 'b', 'out', 'out.partial']);
});
