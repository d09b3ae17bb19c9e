import { describe, expect, it } from 'vitest';
import { Log, type LogLevel } from '../../src/cli/log.ts';

function setUp(isTTY: boolean, level: LogLevel = 'info') {
  const written: string[] = [];
  const clock = { ms: 0 };
  const log = new Log({ isTTY, columns: 60, write: (text) => written.push(text) }, level, () => clock.ms);
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
    expect(written[0]).toBe('[diffuse] 10 % (100 of 1000 samples, 100/s, 9 s left)\n');
    expect(written.at(-1)).toMatch(/^\[diffuse\] 100 % \(1000 of 1000 samples, 100\/s\)\n$/);
  });

  it('writes a line every ten seconds where a tenth takes longer or the total is not known', () => {
    const { log, written, clock } = setUp(false);
    for (let done = 0; done <= 30; done++) {
      log.progress('train', done, undefined, 'steps');
      clock.ms += 1000;
    }
    expect(written).toEqual([
      '[train] 10 steps, 1.00/s\n',
      '[train] 20 steps, 1.00/s\n',
      '[train] 30 steps, 1.00/s\n',
    ]);
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

  it('takes the bar away before a line', () => {
    const { log, written } = setUp(true);
    log.progress('diffuse', 1, 2, 'samples');
    log.info('detect', 'flagged 0');
    expect(written.slice(-2)).toEqual(['\r\u001b[K', '[detect] flagged 0\n']);
  });
});

describe('levels', () => {
  it('keep lines from the terminal but not from the file', () => {
    const { log, written } = setUp(false, 'warn');
    const file: string[] = [];
    log.writeTo((line) => file.push(line));
    log.info('a', 'quiet');
    log.warn('a', 'loud');
    log.debug('a', 'detail');
    expect(written).toEqual(['[a] warn: loud\n']);
    expect(file).toEqual([
      '1970-01-01T00:00:00.000Z [a] quiet\n',
      '1970-01-01T00:00:00.000Z [a] warn: loud\n',
    ]);
  });
});
