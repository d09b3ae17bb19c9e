import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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

/** Every file in a folder, by name. */
function bytesIn(folder: string): Map<string, string> {
  const names = readdirSync(at(folder)).sort();
  return new Map(names.map((name) => [name, readFileSync(at(folder, name), 'base64')]));
}

it.each([
  ['of another program', 'run/b/theirs'],
  // which a state has, too, but with something else under it
  ['of another program with like keys', 'meta'],
  ['that is empty', undefined],
])('leaves a database %s as it is, to the byte', async (_, key) => {
  const theirs = new ClassicLevel(at('theirs'));
  await theirs.open();
  if (key !== undefined) await theirs.put(key, 'precious');
  await theirs.close();
  writeFileSync(at('theirs/values'), 'precious');
  const before = bytesIn('theirs');
  await expect(State.open(at('theirs'), 'test')).rejects.toThrow(StateError);
  await expect(State.openThere(at('theirs'), 'test')).rejects.toThrow(/database of another program/);
  expect(bytesIn('theirs')).toEqual(before);
});

it('leaves what only has the name of a database as it is', async () => {
  mkdirSync(at('theirs'));
  for (const name of ['CURRENT', 'LOG']) writeFileSync(at('theirs', name), 'precious');
  const before = bytesIn('theirs');
  await expect(State.open(at('theirs'), 'test')).rejects.toThrow(StateError);
  expect(bytesIn('theirs')).toEqual(before);
});

it('is known where an earlier version made it, and begun where a run was killed before the database', async () => {
  const state = await State.open(at('old'), 'test');
  await state.bind({ denoiser: 'x' }, 2);
  await state.close();
  rmSync(at('old/dataelixir.json'));
  for (let n = 0; n < 2; n++) {
    const again = await State.open(at('old'), 'test');
    expect(again.identity).toEqual({ denoiser: 'x' });
    await again.close();
    expect(readFileSync(at('old/dataelixir.json'), 'utf8')).toBe('{"dataelixir":"state"}\n');
  }
  mkdirSync(at('begun'));
  writeFileSync(at('begun/dataelixir.json'), '{"data');
  await (await State.open(at('begun'), 'test')).close();
  mkdirSync(at('theirs'));
  writeFileSync(at('theirs/dataelixir.json'), 'precious');
  await expect(State.open(at('theirs'), 'test')).rejects.toThrow(/found "dataelixir.json" in it/);
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
  mkdirSync(at('closed'), { mode: 0o700 });
  await mergeStates([at('a'), at('b')], at('closed'), 'test');
  expect(statSync(at('closed')).mode & 0o777).toBe(0o700);
  expect(readdirSync(root).sort()).toEqual(['a', 'b', 'closed', 'out', 'out.partial']);
});
