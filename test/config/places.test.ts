// Every option that leads to a place on disk says who reads and writes there, so that no command can write over what it
// reads; see test/cli/places.test.ts.

import { expect, it } from 'vitest';
import { options } from '../../config/load.ts';
import { commands } from '../../src/cli/commands.ts';

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

it('every place is read or written, and every command that has a section of a place can be told of it', () => {
  for (const { path, option } of texts) {
    if (!option.place) continue;
    const { readBy = [], writtenBy = [] } = option.place;
    expect([...readBy, ...writtenBy], path).not.toEqual([]);
    const [section, name] = path.split('.');
    if (name === undefined) continue;
    const shown = commands.filter(({ sections }) => sections.includes(section!)).map((one) => one.name);
    for (const command of [...readBy, ...writtenBy]) expect(shown, path).toContain(command);
  }
});
