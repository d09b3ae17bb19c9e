import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { expect, it, onTestFinished } from 'vitest';
import { writeTriggers } from '../../src/cli/evidence.ts';
import { Residuals } from '../../src/defense/residuals.ts';

it('shows the trigger of a flagged class, and nothing where none was found', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const residuals = new Residuals(16);
  const plain = new Uint8Array(16).fill(100);
  const stamped = plain.with(15, 220);
  for (let i = 0; i < 50; i++) {
    residuals.add(1, true, stamped, plain);
    residuals.add(0, false, plain, plain);
  }
  await writeTriggers(join(folder, 'evidence'), residuals, [1, 2], [1, 4, 4]);
  const { data, channels } = decode(readFileSync(join(folder, 'evidence', 'trigger-1.png')));
  expect(channels).toBe(1);
  expect([...data]).toEqual([...new Uint8Array(15).fill(128), 188]);
  expect(existsSync(join(folder, 'evidence', 'trigger-2.png'))).toBe(false);
});
