// Every option that leads to a place on disk says who reads and writes there, so that no command can write over what it
// reads; see test/cli/places.test.ts.

import { expect, it } from 'vitest';
import { options } from '../../config/load.ts';
import { commands, reads } from '../../src/cli/commands.ts';

const texts = options.filter(({ option }) => /^de-texts?$/.test(option.format));

it('every text is declared: those that name nothing on disk are few, and looked at one by one', () => {
  expect(texts.filter(({ option }) => option.place === undefined)).toEqual([]);
  expect(texts.filter(({ option }) => option.place === null).map(({ path }) => path)).toEqual([
    'saveFolderName',
    'dataset.name',
    'dataset.root',
    'dataset.paths',
    'metrics.host',
  ]);
});

it('every place is read or written by exactly the commands that can be told of it', () => {
  for (const { path, option } of texts) {
    if (!option.place) continue;
    const { readBy = [], writtenBy = [] } = option.place;
    const told = commands.filter((command) => reads(command, path)).map(({ name }) => name);
    expect(new Set([...readBy, ...writtenBy]), path).toEqual(new Set(told));
  }
});
