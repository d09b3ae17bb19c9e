import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { usableProcessors } from '../../src/workers/cpu-quota.ts';

/** What a machine of 8 processors may use where it has these files. */
function usable(files: Readonly<Record<string, string>>, processors = 8): number {
  const root = mkdtempSync(join(tmpdir(), 'dataelixir-quota-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return usableProcessors(root, processors);
}

const V2 = 'sys/fs/cgroup';
const V1 = 'sys/fs/cgroup/cpu,cpuacct';

it.each([
  ['no control groups', {}, 8],
  ['a container of version 2', { 'proc/self/cgroup': '0::/\n', [`${V2}/cpu.max`]: '250000 100000\n' }, 2],
  ['less than one', { 'proc/self/cgroup': '0::/\n', [`${V2}/cpu.max`]: '50000 100000\n' }, 1],
  ['no quota', { 'proc/self/cgroup': '0::/\n', [`${V2}/cpu.max`]: 'max 100000\n' }, 8],
  ['more than there are', { 'proc/self/cgroup': '0::/\n', [`${V2}/cpu.max`]: '1600000 100000\n' }, 8],
  [
    'the least of all groups above',
    {
      'proc/self/cgroup': '0::/jobs.slice/job.service\n',
      [`${V2}/jobs.slice/job.service/cpu.max`]: 'max 100000\n',
      [`${V2}/jobs.slice/cpu.max`]: '300000 100000\n',
      [`${V2}/other.slice/cpu.max`]: '100000 100000\n',
    },
    3,
  ],
  [
    'version 1',
    {
      'proc/self/cgroup': '5:memory:/job\n4:cpu,cpuacct:/job\n1:name=systemd:/job\n',
      [`${V1}/job/cpu.cfs_quota_us`]: '400000\n',
      [`${V1}/job/cpu.cfs_period_us`]: '100000\n',
    },
    4,
  ],
  [
    'version 1 without a quota',
    {
      'proc/self/cgroup': '4:cpu,cpuacct:/job\n',
      [`${V1}/job/cpu.cfs_quota_us`]: '-1\n',
      [`${V1}/job/cpu.cfs_period_us`]: '100000\n',
    },
    8,
  ],
  [
    'a container of version 1, whose own group is mounted, under another name',
    {
      'proc/self/cgroup': '4:cpu,cpuacct:/docker/0123\n0::/docker/0123\n',
      'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '250000\n',
      'sys/fs/cgroup/cpu/cpu.cfs_period_us': '50000\n',
    },
    5,
  ],
  ['files that say nothing', { 'proc/self/cgroup': 'x\n0::/\n', [`${V2}/cpu.max`]: '' }, 8],
] as const)('follows %s', (_, files, expected) => {
  expect(usable(files)).toBe(expected);
});

it('never uses more than this machine has', () => {
  expect(usableProcessors()).toBeGreaterThanOrEqual(1);
  expect(usableProcessors()).toBeLessThanOrEqual(availableParallelism());
});
