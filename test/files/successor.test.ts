import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { OutputError } from '../../src/errors.ts';
import { replaceFile, replaceWith, Successor } from '../../src/files/successor.ts';
import { bury } from '../support/dead-owner.ts';

let root: string;
const at = (...parts: string[]) => join(root, ...parts);
const text = (...parts: string[]) => readFileSync(at(...parts), 'utf8');
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'dataelixir-successor-')));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Writes a folder with one file, and publishes it. */
async function put(name: string, content: string, replace = false): Promise<void> {
  const successor = await Successor.begin(at(name), replace);
  try {
    mkdirSync(successor.path);
    writeFileSync(join(successor.path, 'file'), content);
    await successor.publish({}, { listed: true, synced: true });
  } finally {
    await successor.release();
  }
}

it('takes the place of what an earlier run wrote, and leaves what others called nearly so', async () => {
  await put('out', 'first');
  for (const name of ['out.old', 'out.partial']) {
    mkdirSync(at(name));
    writeFileSync(at(name, 'mine'), 'precious');
  }
  await put('out', 'second', true);
  expect(text('out/file')).toBe('second');
  expect([text('out.old/mine'), text('out.partial/mine')]).toEqual(['precious', 'precious']);
  expect(readdirSync(root).sort()).toEqual(['out', 'out.old', 'out.partial']);
});

it('does not replace a folder with a file in it that no run wrote', async () => {
  await put('out', 'first');
  writeFileSync(at('out/notes.txt'), 'precious');
  await expect(put('out', 'second', true)).rejects.toThrow(
    /expected nothing but .* found "notes\.txt" in it/,
  );
  expect([text('out/file'), text('out/notes.txt')]).toEqual(['first', 'precious']);
  // which is there before the run, or comes while it works
  rmSync(at('out/notes.txt'));
  const successor = await Successor.begin(at('out'), true);
  mkdirSync(successor.path);
  writeFileSync(at('out/late.txt'), 'precious');
  await expect(successor.publish()).rejects.toThrow(/found "late\.txt"/);
  await successor.release();
  expect(readdirSync(root)).toEqual(['out']);
  expect(text('out/late.txt')).toBe('precious');
});

it('does not replace a folder that no run wrote, though it may replace', async () => {
  mkdirSync(at('out'));
  writeFileSync(at('out/mine'), 'precious');
  await expect(put('out', 'x', true)).rejects.toThrow(OutputError);
  expect(text('out/mine')).toBe('precious');
});

it('puts back what a run took away that was killed before its own stood there', async () => {
  await put('out', 'first');
  const killed = await Successor.begin(at('out'), true);
  const claimed = dirname(dirname(killed.path));
  renameSync(at('out'), join(claimed, 'old'));
  bury(claimed);
  const next = await Successor.begin(at('out'), true);
  expect(text('out/file')).toBe('first');
  await next.release();
  expect(readdirSync(root)).toEqual(['out']);
});

it('replaces a file by one rename, with another one beside it', async () => {
  writeFileSync(at('out.tar'), 'first');
  const successor = await Successor.begin(at('out.tar'), true);
  writeFileSync(successor.path, 'second');
  writeFileSync(at('manifest'), 'lines');
  await successor.publish({ 'manifest.ndjson': at('manifest') });
  await successor.release();
  expect([text('out.tar'), text('out.tar.manifest.ndjson')]).toEqual(['second', 'lines']);
  expect(readdirSync(root).sort()).toEqual(['out.tar', 'out.tar.manifest.ndjson']);
  const fresh = await Successor.begin(at('new.tar'), false);
  writeFileSync(fresh.path, 'x');
  writeFileSync(at('manifest'), 'lines');
  writeFileSync(at('new.tar.manifest.ndjson'), 'precious');
  await expect(fresh.publish({ 'manifest.ndjson': at('manifest') })).rejects.toThrow(
    /manifest\.ndjson in use/,
  );
  expect([existsSync(at('new.tar')), text('new.tar.manifest.ndjson')]).toEqual([false, 'precious']);
});

it('is one place by all of its names', async () => {
  mkdirSync(at('real'));
  symlinkSync(at('real'), at('link'));
  const first = await Successor.begin(at('real/out'), false);
  await expect(Successor.begin(at('link/out'), false)).rejects.toThrow(/expected that nobody else writes/);
  await first.release();
  // a link to a folder stays one
  symlinkSync(at('real'), at('out'));
  await put('out', 'x');
  expect([realpathSync(at('out')), text('real/file')]).toEqual([at('real'), 'x']);
});

it('a file appears whole, and devices and folders stay what they are', async () => {
  await replaceWith(at('model.onnx'), 'one');
  await replaceWith(at('model.onnx'), 'two');
  expect(readdirSync(root)).toEqual(['model.onnx']);
  expect(text('model.onnx')).toBe('two');
  mkdirSync(at('folder'));
  await expect(replaceWith(at('folder'), 'x')).rejects.toThrow(OutputError);
  await expect(replaceWith('/dev/null', 'x')).rejects.toThrow(OutputError);
  await expect(replaceWith(at('none/model.onnx'), 'x')).rejects.toThrow(OutputError);
});

it('gives a file a name that is free, and leaves another one that comes while it is written', async () => {
  await replaceWith(at('model'), 'first', false);
  await expect(replaceWith(at('model'), 'second', false)).rejects.toThrow(/model in use/);
  const late = async (path: string) => {
    writeFileSync(path, 'third');
    writeFileSync(at('late'), 'precious');
  };
  await expect(replaceFile(at('late'), late, false)).rejects.toThrow(OutputError);
  expect([text('model'), text('late')]).toEqual(['first', 'precious']);
  await replaceFile(at('late'), late);
  expect([text('late'), readdirSync(root).sort()]).toEqual(['third', ['late', 'model']]);
});

it('leaves a folder open to those to whom it was open', async () => {
  mkdirSync(at('out'), { mode: 0o700 });
  const modeOf = (name: string) => statSync(at(name)).mode & 0o777;
  await put('out', 'first');
  const first = modeOf('out');
  chmodSync(at('out'), 0o750);
  await put('out', 'second', true);
  expect([first, modeOf('out'), text('out/file')]).toEqual([0o700, 0o750, 'second']);
});
