// How corrections reach a file that goes on from pass to pass, whatever became of the run that wrote it before.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadSettings } from '../../config/load.ts';
import { Teller } from '../../src/app/changes.ts';
import type { Context } from '../../src/app/context.ts';
import { Outbox } from '../../src/state/outbox.ts';
import { State } from '../../src/state/state.ts';

it('goes on after what a run that was killed has written, but for half a line', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-changes-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const at = (...parts: string[]) => join(folder, ...parts);
  const settings = loadSettings({
    file: { name: 'test.yaml', text: 'follow: { enabled: true }' },
    readPreset: () => ({ name: '', text: '' }),
  });
  const context = { settings, signal: new AbortController().signal } as unknown as Context;
  const state = await State.open(at('S'), 'test');
  onTestFinished(() => state.close());
  const outbox = new Outbox(state);
  for (const id of ['b', 'c']) outbox.append(JSON.stringify({ op: 'retract', id }));
  outbox.close();
  await state.commit();
  writeFileSync(at('corrections.ndjson'), '{"op":"retract","id":"a"}\n{"op":"retr');
  await new Teller(context, state, { path: at }, true).tell();
  const ids = readFileSync(at('corrections.ndjson'), 'utf8').trimEnd().split('\n');
  expect(ids.map((line) => JSON.parse(line).id)).toEqual(['a', 'b', 'c']);
});
