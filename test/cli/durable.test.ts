// What a machine that loses power still has: each file is on disk before what depends on it goes. A program that notes
// what it does in its order tells; the power stays on.

import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectPath } from '../support/paths.ts';
import { dataelixir } from './program.ts';
import { tinySamples, writeTinyNetworks } from './tiny-networks.ts';

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'dataelixir-durable-')));
  await writeTinyNetworks(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs over so many samples. @returns what it did with files, with paths from the folder on */
async function purify(count: number, output: string): Promise<string[]> {
  writeFileSync(at('in.ndjson'), tinySamples(count));
  writeFileSync(at('notes'), '');
  const args = [
    ...['purify', 'in.ndjson', '--config', 'config.yaml', '--observer-path', 'observer.onnx', '--state', 'S'],
    ...['--dataset-classes', '4', '--output-path', output, '--output-format', 'class-folders'],
  ];
  if (output.endsWith('.ndjson')) args[args.length - 1] = 'ndjson';
  const NODE_OPTIONS = `--import ${pathToFileURL(projectPath('test/support/notes-disk.mjs'))}`;
  const env = { NODE_OPTIONS, DISK_NOTES: at('notes') };
  expect(await dataelixir(args, { cwd: folder, env })).toMatchObject({ code: 0 });
  return readFileSync(at('notes'), 'utf8').replaceAll(`${folder}/`, '').trim().split('\n');
}

it.runIf(process.platform === 'linux').each(['out.ndjson', 'out'])(
  'corrections outlive what they were kept in, and so does %s',
  async (output) => {
    for (const name of ['S', 'record']) rmSync(at(name), { recursive: true, force: true });
    await purify(12, output);
    const notes = await purify(9, output);
    const when = (pattern: RegExp) => notes.findIndex((line) => pattern.test(line));
    const forgotten = when(/^rm S\/changes-2\.ndjson/);
    expect(readFileSync(at('record/run/corrections.ndjson'), 'utf8').trim().split('\n')).toHaveLength(3);
    const order = [
      when(/^sync S\/changes-2/),
      when(/^sync S$/),
      when(output === 'out' ? /^sync \.out\.dataelixir-1\/new\/out\/0\/.*png$/ : /^sync .*new\/out\.ndjson$/),
      when(/^rename \.out.*\/new\/out(\.ndjson)? out/),
      notes.findIndex((line, i) => i > when(/new\/out(\.ndjson)? out/) && line === `sync ${folder}`),
      when(/^sync .*metrics\.json/),
      when(/^sync record\/run\/corrections\.ndjson/),
      forgotten,
    ];
    expect(order).not.toContain(-1);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    // one file is replaced by one rename
    if (output !== 'out') expect(when(/^rename out\.ndjson /)).toBe(-1);
  },
);
