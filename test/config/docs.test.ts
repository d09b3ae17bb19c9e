// What the documents say of the options is complete.

import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { schema } from '../../config/schema.ts';
import { projectPath } from '../support/paths.ts';

const page = readFileSync(projectPath('docs/attacks.md'), 'utf8');

it.each(schema.attack.name.choices!.filter((name) => name !== 'none'))(
  '%s is explained and shown',
  (name) => {
    expect(page).toMatch(new RegExp(`^##.*\`${name}\`$`, 'm'));
    expect(page).toContain(`![${name}](attacks/${name}.png)`);
    expect(existsSync(projectPath(`docs/attacks/${name}.png`))).toBe(true);
  },
);

it('every option of an attack is named in docs/attacks.md', () => {
  const options = Object.keys(schema.attack).filter((option) => option !== 'name');
  expect(options.filter((option) => !page.includes(`\`${option}\``))).toEqual([]);
});
