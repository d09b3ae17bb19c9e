// How many processors this process may keep busy. `os.availableParallelism` counts those that it may run on; a container
// may have a quota of time on them besides, and workers beyond that are only stopped and started in turns. Newer versions
// of Node look at quotas themselves; this one reads the control groups of Linux, version 1 and 2.

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

const GROUPS = '/sys/fs/cgroup';

/** Whole processors that this process may use at a time, at least 1; what is left of a quota is for the main thread. */
export function usableProcessors(root = '/', processors = availableParallelism()): number {
  return Math.max(1, Math.floor(Math.min(processors, cpuQuota(root))));
}

/**
 * Processors' worth of time that the quotas of all groups above a process leave it; Infinity where there is none.
 *
 * @param root folder that holds `proc` and `sys`
 */
function cpuQuota(root: string): number {
  const groups = (read(join(root, 'proc/self/cgroup')) ?? '').split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    if (controllers === '') return [{ folder: '', path, quota: quotaOf }];
    if (!controllers!.split(',').includes('cpu')) return [];
    return [controllers!, 'cpu'].map((folder) => ({ folder, path, quota: quotaOfFirstVersion }));
  });
  return Math.min(
    Infinity,
    ...groups.flatMap(({ folder, path, quota }) => {
      const mounted = join(root, GROUPS, folder);
      // in a container the path may be that of the host, and its own group be mounted as the uppermost
      return above(path).map((group) => quota(join(mounted, group)));
    }),
  );
}

/** A path and all above it. */
function above(path: string): string[] {
  const upper = dirname(path);
  return upper === path ? [path] : [path, ...above(upper)];
}

/** Of a group of version 2: `cpu.max` says `max 100000` or, in microseconds, quota and period. */
function quotaOf(group: string): number {
  const [quota, period] = (read(join(group, 'cpu.max')) ?? '').trim().split(' ');
  return share(quota, period);
}

/** The same in two files; a quota of -1 is none. */
function quotaOfFirstVersion(group: string): number {
  return share(read(join(group, 'cpu.cfs_quota_us')), read(join(group, 'cpu.cfs_period_us')));
}

function share(quota: string | undefined, period: string | undefined): number {
  const found = Number(quota) / Number(period);
  return found > 0 ? found : Infinity;
}

/** Undefined where there is no such file, as everywhere but on Linux, or it may not be read. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
