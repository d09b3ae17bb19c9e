import { expect, it } from 'vitest';
import { Log } from '../../src/cli/log.ts';
import { reportTo } from '../../src/cli/report.ts';
import { Tally } from '../../src/cli/tally.ts';

it.each([true, false])('shows one stage at a time where two go on together (terminal: %s)', (isTTY) => {
  const written: string[] = [];
  const clock = { ms: 0 };
  const log = new Log({ isTTY, columns: 60, write: (text) => written.push(text) }, 'info', {
    now: () => clock.ms,
  });
  const tally = new Tally();
  const report = reportTo(log, tally);
  for (let samples = 1; samples <= 1000; samples++) {
    clock.ms += 10;
    report({ stage: 'select', state: 'running', samples, total: 1000 });
    if (samples > 10) report({ stage: 'write', state: 'running', samples: samples - 10, total: 1000 });
  }
  expect(written.length).toBeLessThanOrEqual(isTTY ? 102 : 10);
  expect(written.join('')).not.toContain('[write]');
  report({ stage: 'select', state: 'done', samples: 1000, total: 1000 });
  report({ stage: 'train', state: 'running', samples: 1000 });
  report({ stage: 'train', state: 'done', samples: 1000 });
  for (let samples = 991; samples <= 1000; samples++) {
    report({ stage: 'write', state: 'running', samples, total: 1000 });
  }
  report({ stage: 'write', state: 'done', samples: 1000, total: 1000 });
  expect(written.at(-1)).toContain('[write] ');
  expect(written.at(-1)).toContain('100 %');
  expect([...tally.passed]).toEqual([
    ['select', 1000],
    ['write', 1000],
    ['train', 1000],
  ]);
});
