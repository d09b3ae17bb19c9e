// Real pools of worker threads for tests, closed when the test ends.

import { onTestFinished } from 'vitest';
import { Pool } from '../../src/workers/pool.ts';

export function testPool(workers: number, engine: 'onnx' | 'tfjs' = 'onnx'): Pool {
  const pool = new Pool({ workers, engine, executionProvider: 'cpu', tfjsBackend: 'cpu' });
  onTestFinished(() => pool.close());
  return pool;
}
