import { describe, expect, it } from 'vitest';
import { schema } from '../../config/schema.ts';
import { defaultSettings, definitionOf, hasConfig, settingsOf } from './definition.ts';
import { type RunRow, rows } from './rows.ts';

const site = { root: process.cwd(), data: 'data', program: [], log: () => undefined };
const runs = rows.flatMap((row) => (row.kind === 'run' ? row : [])).filter((row) => hasConfig(site, row));
const find = (id: string): RunRow => runs.find((row) => row.id === id)!;

describe('rows', () => {
  it('have ids of their own that can name record folders', () => {
    const ids = rows.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(schema.saveFolderName.pattern!);
  });

  it.each(runs.map((row) => [row.id, row] as const))('%s resolves to what its id says', (id, row) => {
    const { attack, dataset, preset, seed } = settingsOf(site, row);
    expect(id.startsWith(`${dataset.name}-`)).toBe(true);
    expect(id.endsWith(`-s${seed}`)).toBe(true);
    expect(id.includes('-paper-')).toBe(preset === 'paper');
    expect(id.includes('-clean-')).toBe(attack.name === 'none');
    expect(id.includes('-all-to-all-')).toBe(attack.labels === 'all-to-all');
    if (!/-clean-|-all-to-all-/.test(id)) expect(id).toContain(`-${attack.name}-`);
    const rate = /rate-([\d.]+)-/.exec(id)?.[1];
    if (rate !== undefined) expect(attack.rate).toBe(Number(rate));
  });

  it('take from the paper everything but the classifier', () => {
    const settings = settingsOf(site, find('fashion-mnist-badnet-few-paper-s1'));
    expect(settings.diffusion).toMatchObject({ depth: 150, steps: 150, keep: 10 });
    expect(settings.classifier).toEqual({ ...defaultSettings().classifier, epochs: 50 });
    expect(settings.classifier).toEqual(settingsOf(site, find('fashion-mnist-badnet-few-s1')).classifier);
  });

  it('are told apart by their definition', () => {
    const first = find('fashion-mnist-badnet-s1');
    const same = { ...first, set: Object.fromEntries(Object.entries(first.set).reverse()) };
    expect(definitionOf(site, same)).toBe(definitionOf(site, first));
    const other = { ...first, set: { ...first.set, seed: '9' } };
    expect(definitionOf(site, other)).not.toBe(definitionOf(site, first));
  });
});
