import { describe, expect, it } from 'vitest';
import { options } from '../../config/load.ts';
import { commands } from '../../src/cli/commands.ts';
import { commandHelp, programHelp } from '../../src/cli/help.ts';

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
  it('lists the options that the command reads and no others', () => {
    const detect = commands.find(({ name }) => name === 'detect');
    const help = commandHelp(detect!);
    expect(help).toContain('--detect-threshold');
    expect(help).toContain('--log-level');
    expect(help).toContain('--dataset-classes');
    for (const unread of ['seed', 'diffusion-rounds', 'dataset-train']) {
      expect(help).not.toContain(`  --${unread}  `);
    }
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
