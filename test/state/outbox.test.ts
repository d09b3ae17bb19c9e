import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { deliver, forget, Outbox } from '../../src/state/outbox.ts';
import { State } from '../../src/state/state.ts';

let root: string;
let state: State;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'dataelixir-outbox-'));
  state = await State.open(join(root, 'state'), 'test');
});
afterEach(async () => {
  await state.close();
  rmSync(root, { recursive: true });
});

/** Writes lines as a run does, up to where it commits. */
function told(...lines: string[]): void {
  const outbox = new Outbox(state);
  for (const line of lines) outbox.append(line);
  outbox.close();
}

/** Changes the state and makes the run its last one. */
async function commit(): Promise<void> {
  await state.database.put(`${state.next}sample/${state.run}`, Buffer.from('1'));
  await state.commit();
}

/** What a run hands over that ends well, or that has handed over some before. */
async function delivered(before?: Set<string>): Promise<string> {
  const files = before ?? new Set();
  let text = '';
  await deliver(state, files, async (lines) => {
    text += lines;
  });
  if (!before) forget(files);
  return text;
}

it('hands over the lines of a committed run, once, also after the state was opened again', async () => {
  told('{"a":1}', '{"b":"ü"}');
  await commit();
  await state.close();
  state = await State.open(join(root, 'state'), 'test');
  expect(await delivered()).toBe('{"a":1}\n{"b":"ü"}\n');
  expect(await delivered()).toBe('');
  expect(readdirSync(state.folder).filter((name) => name.startsWith('changes'))).toEqual([]);
});

it('hands over once in a run, and again in the next one where that did not end well', async () => {
  const run = new Set<string>();
  told('{"a":1}');
  await commit();
  expect(await delivered(run)).toBe('{"a":1}\n');
  told('{"b":2}');
  await commit();
  expect(await delivered(run)).toBe('{"b":2}\n');
  expect(await delivered()).toBe('{"a":1}\n{"b":2}\n');
  expect(await delivered()).toBe('');
});

it('forgets the lines of a run that never was', async () => {
  told('{"a":1}');
  expect(await delivered()).toBe('');
  await commit();
  expect(await delivered()).toBe('');
});

it('hands over again what nobody took, before what came later, in blocks of whole lines', async () => {
  const lines = Array.from({ length: 3000 }, (_, n) => JSON.stringify({ n, text: 'x'.repeat(50) }));
  told(...lines);
  await commit();
  const blocks: string[] = [];
  const refusing = deliver(state, new Set(), async (block) => {
    if (blocks.length === 2) throw new Error('nobody there');
    blocks.push(block);
  });
  await expect(refusing).rejects.toThrow('nobody there');
  for (const block of blocks) expect(block.endsWith('\n')).toBe(true);
  told('{"later":true}');
  await commit();
  expect(await delivered()).toBe(`${lines.join('\n')}\n{"later":true}\n`);
});

it('makes no file where there is nothing to say', async () => {
  told();
  expect(existsSync(join(state.folder, 'changes-1.ndjson'))).toBe(false);
});
