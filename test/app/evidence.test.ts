import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { expect, it, onTestFinished } from 'vitest';
import { writeEvidence } from '../../src/app/evidence.ts';
import { SampleStore } from '../../src/datasets/store/sample-store.ts';
import { locateTrigger } from '../../src/defense/carriers/trigger.ts';
import { Residuals } from '../../src/defense/evidence/residuals.ts';

it('shows the trigger of a flagged class, its spread, and the samples that weigh most', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const store = new SampleStore(join(folder, 'raw'), [1, 4, 4]);
  const residuals = new Residuals(16);
  const plain = new Uint8Array(16).fill(100);
  for (let i = 0; i < 50; i++) {
    // the trigger is 120 in the mean and differs by 10 from image to image
    const stamped = plain.with(15, i % 2 ? 210 : 230);
    residuals.add(1, true, stamped, plain);
    residuals.add(0, false, plain, plain);
    store.append({ id: `s${i}`, label: 1, pixels: stamped, shape: store.shape });
  }
  const trigger = locateTrigger(residuals, 1, [1, 2], store.shape)!;
  const heavy = (index: number, weight: number) => ({ id: `s${index}`, index, name: 0, weight });
  const heaviest = new Map([
    [1, [heavy(3, 9.5), heavy(2, 7)]],
    [2, []],
  ]);
  mkdirSync(join(folder, 'evidence'));
  const pathOf = (name: string) => join(folder, 'evidence', name);
  await writeEvidence(pathOf, { triggers: new Map([[1, trigger]]), heaviest }, store);
  store.dispose();
  const read = (name: string) => decode(readFileSync(join(folder, 'evidence', name)));
  const picture = read('trigger-1.png');
  expect([picture.width, picture.height, picture.channels]).toEqual([8, 4, 1]);
  const rows = [0, 1, 2, 3].map((y) => [...picture.data.slice(8 * y, 8 * y + 8)]);
  expect(rows[2]).toEqual([128, 128, 128, 128, 0, 0, 0, 0]);
  expect(rows[3]).toEqual([128, 128, 128, 188, 0, 0, 0, 10]);
  const samples = read('samples-1.png');
  expect([samples.width, samples.height]).toEqual([8, 4]);
  expect([...samples.data.slice(24)]).toEqual([100, 100, 100, 210, 100, 100, 100, 230]);
  expect(readFileSync(join(folder, 'evidence', 'samples-1.ndjson'), 'utf8')).toBe(
    '{"id":"s3","name":0,"weight":9.5}\n{"id":"s2","name":0,"weight":7}\n',
  );
  expect(existsSync(join(folder, 'evidence', 'samples-2.png'))).toBe(false);
});
