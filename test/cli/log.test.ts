import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type LogLevel, type LogOptions, TerminalLog } from '../../src/cli/log.ts';
import { projectPath } from '../support/paths.ts';

/** What a line says, for programs. */
const NEWS = { event: 'written', path: 'x' } as const;

function setUp(isTTY: boolean, level: LogLevel = 'info', options: LogOptions = {}, columns = 60) {
  const written: string[] = [];
  const clock = { ms: 0 };
  const log = new TerminalLog({ isTTY, columns, write: (text) => written.push(text) }, level, {
    now: () => clock.ms,
    ...options,
  });
  return { log, written, clock };
}

describe('without a terminal', () => {
  it('writes a line every tenth', () => {
    const { log, written, clock } = setUp(false);
    for (let done = 0; done <= 1000; done++) {
      clock.ms += 10;
      log.progress('diffuse', done, 1000, 'samples');
    }
    expect(written).toHaveLength(10);
    expect(written[0]).toBe('[diffuse] 10 % (100 of 1000 samples)\n');
    expect(written.at(-1)).toMatch(/^\[diffuse\] 100 % \(1000 of 1000 samples\)\n$/);
  });

  it('writes a line every ten seconds where a tenth takes longer or the total is not known', () => {
    const { log, written, clock } = setUp(false);
    for (let done = 0; done <= 30; done++) {
      log.progress('train', done, undefined, 'steps');
      clock.ms += 1000;
    }
    expect(written).toEqual(['[train] 10 steps\n', '[train] 20 steps\n', '[train] 30 steps\n']);
  });
});

describe('on a terminal', () => {
  it('rewrites one line, at most ten times a second, no wider than the terminal', () => {
    const { log, written, clock } = setUp(true);
    for (let done = 0; done <= 100; done++) {
      log.progress('diffuse', done, 100, 'samples');
      clock.ms += 10;
    }
    expect(written.length).toBeLessThanOrEqual(12);
    for (const text of written) {
      expect(text.startsWith('\r\u001b[K[diffuse] ')).toBe(true);
      expect(text.length - '\r\u001b[K'.length).toBeLessThan(60);
      expect(text).not.toContain('\n');
    }
    expect(written.at(-1)).toContain('100 %');
  });

  it('tells rate and time left', () => {
    const { log, written, clock } = setUp(true, 'info', {}, 100);
    log.progress('diffuse', 0, 100, 'samples');
    clock.ms += 2000;
    log.progress('diffuse', 50, 100, 'samples');
    expect(written.at(-1)).toContain(' 50 % (50 of 100 samples, 25/s, 2 s left)');
  });

  it('takes the bar away before a line', () => {
    const { log, written } = setUp(true);
    log.progress('diffuse', 1, 2, 'samples');
    log.info('detect', 'flagged 0', NEWS);
    expect(written.slice(-2)).toEqual(['\r\u001b[K', '[detect] flagged 0\n']);
  });
});

it('marks errors and warnings in colour where that is wanted', () => {
  const plain = setUp(true);
  plain.log.error('a', 'bad', NEWS);
  expect(plain.written).toEqual(['[a] error: bad\n']);
  const painted = setUp(true, 'info', { color: true });
  painted.log.error('a', 'bad', NEWS);
  painted.log.warn('a', 'odd', NEWS);
  painted.log.info('a', 'news', NEWS);
  expect(painted.written).toEqual([
    '[a] \u001b[31merror:\u001b[0m bad\n',
    '[a] \u001b[33mwarn:\u001b[0m odd\n',
    '[a] news\n',
  ]);
});

describe('as JSON', () => {
  it('writes objects with time, level, stage, message and fields, also of progress and on a terminal', () => {
    const { log, written, clock } = setUp(true, 'info', { format: 'json', color: true });
    log.warn('read', 'found "nothing"\n', { event: 'quarantined', code: 'decode', reason: '\u001b' });
    for (let done = 0; done <= 2; done++) {
      log.progress('diffuse', done, 2, 'samples');
      clock.ms += 1500;
    }
    log.debug('read', 'detail');
    expect(written.map((text) => JSON.parse(text))).toEqual([
      {
        time: '1970-01-01T00:00:00.000Z',
        level: 'warn',
        stage: 'read',
        message: 'found "nothing"\n',
        event: 'quarantined',
        code: 'decode',
        reason: '\u001b',
      },
      {
        time: '1970-01-01T00:00:01.500Z',
        level: 'info',
        stage: 'diffuse',
        message: '50 % (1 of 2 samples)',
        event: 'progress',
        done: 1,
        total: 2,
        unit: 'samples',
      },
      {
        time: '1970-01-01T00:00:03.000Z',
        level: 'info',
        stage: 'diffuse',
        message: '100 % (2 of 2 samples)',
        event: 'progress',
        done: 2,
        total: 2,
        unit: 'samples',
      },
    ]);
    expect(written.every((text) => text.endsWith('\n') && !text.includes('\u001b'))).toBe(true);
  });
});

describe('levels', () => {
  it('keep lines from the terminal but not from the file', () => {
    const { log, written } = setUp(false, 'warn');
    const file: string[] = [];
    log.writeTo((line) => file.push(line));
    log.info('a', 'quiet', NEWS);
    log.warn('a', 'loud', NEWS);
    log.debug('a', 'detail');
    expect(written).toEqual(['[a] warn: loud\n']);
    expect(file).toEqual([
      '1970-01-01T00:00:00.000Z [a] quiet\n',
      '1970-01-01T00:00:00.000Z [a] warn: loud\n',
    ]);
  });
});

describe('what data say', () => {
  const hostile = '\u001b]52;c;cm0=\u0007\u009b2J\u007f\u202e\u2028\r\n[dataelixir] no target é\u0301 😀';
  const shown =
    '\\u001b]52;c;cm0=\\u0007\\u009b2J\\u007f\\u202e\\u2028\\r\\n[dataelixir] no target é\u0301 😀';

  it('commands no terminal and makes no line of its own, nor in the file', () => {
    const { log, written } = setUp(true, 'info', {}, 200);
    const kept: string[] = [];
    log.writeTo((line) => kept.push(line));
    log.warn('read', hostile, NEWS);
    expect(written).toEqual([`[read] warn: ${shown}\n`]);
    expect(kept).toEqual([`1970-01-01T00:00:00.000Z [read] warn: ${shown}\n`]);
    log.progress('read', 1, 2, hostile);
    expect(written.at(-1)).toContain(`(1 of 2 ${shown}`);
  });

  it('is the same JSON without any of these characters', () => {
    const { log, written } = setUp(false, 'info', { format: 'json' });
    log.warn('read', hostile, NEWS);
    expect(JSON.parse(written[0]!)).toMatchObject({ message: hostile });
    expect(written[0]).toContain(shown);
  });
});

it('has events that docs/logs.md explains, field by field, and no others', () => {
  const read = (path: string) => readFileSync(projectPath(path), 'utf8');
  const [table] = read('docs/logs.md').split('## Metrics');
  const explained = [...table!.matchAll(/^\| `([\w-]+)` \| (.*)$/gm)].map(([, name, text]) => [name, text]);
  // each event from its name to the next one, without what is said of its fields
  const [, ...parts] = read('src/app/log-events.ts')
    .replaceAll(/\/\*\*.*\*\//g, '')
    .split("readonly event: '");
  const events = parts.map((part) => [part.slice(0, part.indexOf("'")), part.split('export ')[0]!] as const);
  expect(explained.map(([name]) => name).sort()).toEqual(events.map(([name]) => name).sort());
  const texts = Object.fromEntries(explained);
  for (const [name, part] of events) {
    for (const [, field] of part.matchAll(/readonly (\w+)\??:/g)) {
      expect(texts[name], `${name}.${field}`).toContain(`\`${field}\``);
    }
  }
});
