// Real pools of worker threads for tests, closed when the test ends.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Pool, type PoolOptions } from '../../src/workers/pool.ts';
import type { Mortality } from './mortality.ts';

export function testPool(
  workers: number,
  engine: 'onnx' | 'tfjs' = 'onnx',
  others: Partial<PoolOptions> = {},
): Pool {
  const pool = new Pool({ workers, engine, executionProvider: 'cpu', tfjsBackend: 'cpu', ...others });
  onTestFinished(() => pool.close());
  return pool;
}

/** A pool whose workers die, and how many of them a task that was chosen to kill has killed. */
export interface MortalPool {
  readonly pool: Pool;
  readonly deaths: () => number;
}

/** Tests of one file that use it run one after the other: its workers read the environment when they start. */
export function mortalPool(workers: number, mortality: Omit<Mortality, 'folder'>): MortalPool {
  const folder = mkdtempSync(join(tmpdir(), 'mortal-'));
  process.env.MORTAL = JSON.stringify({ ...mortality, folder } satisfies Mortality);
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const pool = testPool(
    workers,
    'onnx',
    mortality.manner === 'abort'
      ? { isolation: 'process', processEntry: new URL('./mortal.process.ts', import.meta.url) }
      : { entry: new URL('./mortal.worker.ts', import.meta.url) },
  );
  return { pool, deaths: () => readdirSync(folder).length };
}
