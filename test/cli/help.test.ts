import { describe, expect, it } from 'vitest';
import { options } from '../../config/load.ts';
import type { CommandName } from '../../config/options.ts';
import { commands, reads } from '../../src/cli/commands.ts';
import { commandHelp, programHelp } from '../../src/cli/help.ts';

/** Options that commands read by what they do, and others that would mean nothing to them; names are written out here. */
const KNOWN: Readonly<Record<CommandName, { readonly has: string[]; readonly lacks: string[] }>> = {
  run: {
    has: ['attack', 'dataset-test', 'output-path', 'seed'],
    lacks: ['state', 'follow', 'output-changes'],
  },
  scan: {
    has: ['fail-on', 'windows', 'observer-path', 'save-folder-name', 'overwrite'],
    lacks: ['state', 'repair-method', 'output-path', 'benign-fine-tune-epochs', 'dataset-test'],
  },
  purify: {
    has: ['state', 'follow', 'output-changes', 'save-folder-name'],
    lacks: ['attack', 'dataset-test'],
  },
  merge: { has: ['state', 'state-parts'], lacks: ['seed', 'overwrite', 'dataset-train'] },
  state: { has: ['state'], lacks: ['state-parts', 'seed', 'overwrite', 'dataset-train'] },
  poison: {
    has: ['attack', 'dataset-train', 'output-path'],
    lacks: ['save-folder-name', 'denoiser-path'],
  },
  train: {
    has: ['classifier-epochs', 'output-path', 'overwrite'],
    lacks: ['denoiser-path', 'output-format'],
  },
  'train-denoiser': {
    has: ['denoiser-path', 'denoiser-steps'],
    lacks: ['dataset-train', 'denoiser-prediction'],
  },
  transitions: {
    has: ['observer-path', 'diffusion-rounds', 'denoiser-path'],
    lacks: ['overwrite', 'repair-method'],
  },
  detect: {
    has: ['detect-threshold', 'dataset-classes'],
    lacks: ['seed', 'diffusion-rounds', 'dataset-train'],
  },
  evaluate: { has: ['observer-path', 'dataset-test', 'attack'], lacks: ['classifier-epochs', 'state'] },
};

describe('programHelp', () => {
  it('lists every option with unit and default', () => {
    const help = programHelp();
    for (const { arg, option } of options) {
      const line = help.split('\n').find((text) => text.startsWith(`  --${arg}  `));
      expect(line, arg).toBeDefined();
      expect(line).toContain('; default ');
      if (option.unit !== undefined) expect(line).toContain(`[${option.unit}]`);
      if (typeof option.default === 'number') expect(line?.endsWith(`default ${option.default}`)).toBe(true);
      expect(help).toContain(option.doc);
    }
  });

  it('lists every command and exit code', () => {
    for (const { name, summary } of commands)
      expect(programHelp()).toContain(`${name.padEnd(14)}  ${summary}`);
    expect(programHelp()).toMatch(/\n {2}2 {4}wrong configuration or usage\n/);
  });
});

describe('commandHelp', () => {
  it.each(commands)('lists the options that $name reads and no others', (command) => {
    const listed = [...commandHelp(command).matchAll(/^ {2}--([\w-]+) {2}/gm)].map(([, arg]) => arg!);
    const { has, lacks } = KNOWN[command.name];
    expect([...has, ...lacks].filter((arg) => !options.some((option) => option.arg === arg))).toEqual([]);
    expect(listed).toEqual(expect.arrayContaining(['log-level', ...has]));
    expect(lacks.filter((arg) => listed.includes(arg))).toEqual([]);
    // what the help does not list is refused when it is typed
    expect(listed).toEqual(options.filter(({ path }) => reads(command, path)).map(({ arg }) => arg));
  });

  it('shows what attacks that are trained go by', () => {
    const help = commandHelp(commands.find(({ name }) => name === 'poison')!);
    expect(help).toContain('  --classifier-network  ');
    expect(help).not.toContain('  --classifier-epochs  ');
  });

  it('names only sections and options that exist', () => {
    const known = new Set(options.flatMap(({ path }) => [path, path.split('.')[0]]));
    for (const { sections, without = [] } of commands)
      for (const named of [...sections, ...without]) expect(known).toContain(named);
  });
});
