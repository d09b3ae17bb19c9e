import { expect, it } from 'vitest';
import { reportTo, verdictTo } from '../../src/app/report.ts';
import { Tally } from '../../src/app/tally.ts';
import { TerminalLog } from '../../src/cli/log.ts';
import type { Verdict } from '../../src/defense/verdict/verdict.ts';

it.each([true, false])('shows one stage at a time where two go on together (terminal: %s)', (isTTY) => {
  const written: string[] = [];
  const clock = { ms: 0 };
  const log = new TerminalLog({ isTTY, columns: 60, write: (text) => written.push(text) }, 'info', {
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

it('says what to look at where networks were brought and nothing is to be seen', () => {
  const told = (verdict: Partial<Verdict>, brought: boolean) => {
    const written: string[] = [];
    const log = new TerminalLog({ isTTY: false, columns: 60, write: (text) => written.push(text) }, 'info');
    const networks = { observer: brought, denoiser: brought };
    verdictTo(log, networks)({ targetLabels: [], classes: [], samples: 9, ...verdict });
    return written.join('').match(/observer\.range|denoiser\.prediction/g);
  };
  const counts = { label: 0, samples: 9, moved: 0, metric: null, score: null };
  const washed = { classes: [{ ...counts, state: 'undecided', reasons: ['washed-out'] }] } as const;
  const [guessing, knowing] = [0.1, 0.9].map((share) => ({ agreement: { share, chance: 0.1 } }));
  expect(told(guessing!, true)).toEqual(['observer.range']);
  expect(told(washed, true)).toEqual(['denoiser.prediction']);
  expect(told({ ...guessing, ...washed }, false)).toBeNull();
  expect(told(knowing!, true)).toBeNull();
});
