// A disk that is full, or that may not be written to, as runs meet it: the exit code says whether it was the output or
// the state, nothing is half there, and the same command called again ends like a run that nobody disturbed. The size
// of files is limited by the shell, which needs no rights; file systems of our own need root and are left out without.

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppendFile } from '../../src/datasets/bytes/append-file.ts';
import { fileSink } from '../../src/datasets/bytes/byte-sink.ts';
import { openWriter } from '../../src/datasets/writer.ts';
import { OutputError, StateError } from '../../src/errors.ts';
import { Journal } from '../../src/files/journal.ts';
import { RunRecord } from '../../src/state/record.ts';
import { State } from '../../src/state/state.ts';
import { dataelixir, type Ended, SOURCE } from './program.ts';
import { tinySamples, writeTinyNetworks } from './tiny-networks.ts';

const SAMPLES = 120;
const FULL = '/dev/full';

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-disk-'));
  await writeTinyNetworks(folder);
  writeFileSync(at('in.ndjson'), tinySamples(SAMPLES, 1000));
  expect(await purify('whole', 'whole')).toMatchObject({ code: 0 });
});
afterAll(() => rmSync(folder, { recursive: true }));

const argsOf = (root: string, state: string) => [
  ...['purify', 'in.ndjson', '--config', 'config.yaml', '--observer-path', 'observer.onnx'],
  ...['--dataset-classes', '4', '--record-root', root, '--state', state],
];
const purify = (root: string, state: string): Promise<Ended> =>
  dataelixir(argsOf(root, `${state}.state`), { cwd: folder });

/** The same where no file may grow beyond so many KiB. */
function limited(kibibytes: number, name: string): Ended {
  const script = 'ulimit -f "$1" && shift && exec "$@"';
  const env = { ...process.env, DATAELIXIR_LOG_FORMAT: 'human', TSX_DISABLE_CACHE: '1' };
  const command = [process.execPath, ...SOURCE, ...argsOf(name, `${name}.state`)];
  const stderr = openSync(at(`${name}.err`), 'w');
  try {
    execFileSync('bash', ['-c', script, 'bash', `${kibibytes}`, ...command], {
      cwd: folder,
      env,
      stdio: ['ignore', 'ignore', stderr],
    });
    return { code: 0, stdout: '', stderr: '' };
  } catch (error) {
    return {
      code: (error as { status: number }).status,
      stdout: '',
      stderr: readFileSync(at(`${name}.err`), 'utf8'),
    };
  }
}

/** Everything that a run gave away, but for seconds and log, and what it left in its state. */
async function outcome(root: string, state: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(at(root), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || /^(metrics|config|log)\./.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(path.slice(at(root).length), readFileSync(path, 'base64'));
  }
  const opened = await State.open(at(`${state}.state`), 'test');
  for await (const { key, value } of opened.contents()) found.set(key, Buffer.from(value).toString('base64'));
  await opened.close();
  return found;
}

describe('a run that meets the largest size of a file', () => {
  it.each([
    ['state', 8, 6, /error: expected a state .*\.log: File too large; check disk space/],
    ['output', 100, 7, /error: expected to write .*: EFBIG: .*; check disk space and rights/],
  ])('in its %s ends so, and goes on when called again', async (name, kibibytes, code, message) => {
    const ended = limited(kibibytes, name);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toMatch(message);
    const left = readdirSync(at(name, 'run'), { recursive: true, encoding: 'utf8' });
    expect(left.filter((path) => /scratch|partial|purified|metrics/.test(path))).toEqual([]);
    expect(await purify(name, name)).toMatchObject({ code: 0 });
    expect(await outcome(name, name)).toEqual(await outcome('whole', 'whole'));
  });
});

/** Mounts a file system of so many KiB, where that is allowed. */
function mounted(kibibytes: number, path: string): boolean {
  try {
    mkdirSync(path, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'tmpfs', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const probe = mkdtempSync(join(tmpdir(), 'dataelixir-mount-'));
const canMount = mounted(64, probe);
if (canMount) execFileSync('umount', [probe]);
rmSync(probe, { recursive: true });

describe.skipIf(!canMount)('a file system of its own (needs root)', () => {
  const remount = (options: string) => execFileSync('mount', ['-o', `remount,${options}`, at('disk')]);

  it('that is full, then read-only, then large enough', async () => {
    expect(mounted(300, at('disk'))).toBe(true);
    try {
      const full = await purify('disk/record', 'disk/full');
      expect([6, 7]).toContain(full.code);
      expect(full.stderr).toMatch(/error: expected .*(ENOSPC|No space left on device).*check disk space/);
      remount('size=20m,ro');
      expect(await purify('disk/other', 'readable')).toMatchObject({
        code: 7,
        stderr: expect.stringMatching(/error: expected to write .*disk/),
      });
      expect(await purify('readable', 'disk/full')).toMatchObject({ code: 6 });
      remount('size=20m,rw');
      expect(await purify('disk/record', 'disk/full')).toMatchObject({ code: 0 });
      expect(await outcome('disk/record', 'disk/full')).toEqual(await outcome('whole', 'whole'));
    } finally {
      execFileSync('umount', [at('disk')]);
    }
  });
});

describe.skipIf(!existsSync(FULL))('a device that is always full', () => {
  const link = (name: string) => {
    symlinkSync(FULL, at(name));
    return at(name);
  };

  it('is an output error for a file of records, of samples, of bytes, and for the log', async () => {
    const journal = new Journal<number>(link('journal'));
    journal.append(1);
    expect(() => journal.close()).toThrow(OutputError);
    expect(() => journal.close()).not.toThrow();
    const file = new AppendFile(link('append'));
    file.append(new Uint8Array(8));
    expect(() => file.read(new Uint8Array(8), 0)).toThrow(OutputError);
    file.dispose();
    const sink = fileSink(link('sink'));
    await expect(sink.write('bytes').then(() => sink.close())).rejects.toThrow(OutputError);
    const record = await RunRecord.create(folder, 'logging', { overwrite: false, config: {} });
    symlinkSync(FULL, record.path('log.txt'));
    expect(() => record.log('line\n')).toThrow(OutputError);
  });

  it('behind stdout ends a run with 7, and behind stderr does it no harm', async () => {
    const script = `"$@" < in.ndjson > ${FULL}; a=$?; "$@" < in.ndjson 2> ${FULL} > out; echo $a $?`;
    const command = [process.execPath, ...SOURCE, ...argsOf('piped', 'piped.state'), '--overwrite'];
    command[command.indexOf('in.ndjson')] = '-';
    const codes = execFileSync('bash', ['-c', script, 'bash', ...command], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(codes).toBe('7 0\n');
    expect(readFileSync(at('out'), 'utf8').split('\n')).toHaveLength(SAMPLES + 1);
  });
});

it('a file where a folder should be is refused as output or state', async () => {
  const file = at('in.ndjson');
  await expect(RunRecord.create(file, 'run', { overwrite: false, config: {} })).rejects.toThrow(OutputError);
  await expect(State.open(join(file, 'state'), 'test')).rejects.toThrow(StateError);
  await expect(State.open(file, 'test')).rejects.toThrow(StateError);
  const options = { format: 'ndjson', classes: 4, shape: [1, 8, 8] } as const;
  await expect(openWriter(join(file, 'out'), options)).rejects.toThrow(OutputError);
});
