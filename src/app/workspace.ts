// What a command holds while it works and must give back however it ends: worker threads, a folder for temporary
// files, and the clock of its stages.

import { tmpdir } from 'node:os';
import type { Settings } from '../../config/schema.ts';
import { ConfigError, unwritten } from '../errors.ts';
import { makeWorkFolder, removeWorkFolder } from '../files/work-folder.ts';
import { Pool } from '../workers/pool.ts';
import type { Context } from './context.ts';

/**
 * Runs `work` with worker threads, which end with it. An interruption makes their tasks fail at once, but where a state
 * keeps what comes of them.
 */
export async function withPool<T>(
  { settings, signal, tally }: Pick<Context, 'settings' | 'signal' | 'tally'>,
  work: (pool: Pool) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const { engine, executionProvider, tfjsBackend, isolation } = settings;
  const pool = new Pool({ engine, executionProvider, tfjsBackend, isolation, workers: workersOf(settings) });
  tally?.watch({ pool });
  const close = () => pool.close(signal.aborted && settings.state.path !== null);
  const interrupt = () => void close();
  signal.addEventListener('abort', interrupt);
  try {
    return await work(pool);
  } finally {
    signal.removeEventListener('abort', interrupt);
    await close();
  }
}

/**
 * Devices that one thread of a process owns: WebGPU sessions of two threads crash the process
 * (microsoft/onnxruntime issue 32561), and TensorFlow's addon loads in one thread only (tensorflow/tfjs issue 8388).
 */
function workersOf({ engine, executionProvider, tfjsBackend, workers }: Settings): number {
  const device = engine === 'onnx' ? `executionProvider ${executionProvider}` : `tfjsBackend ${tfjsBackend}`;
  const owned = engine === 'onnx' ? executionProvider === 'webgpu' : tfjsBackend !== 'cpu';
  if (!owned) return workers;
  if (workers <= 1) return 1;
  throw new ConfigError(`workers: expected 1 with ${device}, found ${workers}; leave workers at 0 or set 1`);
}

/** Runs `work` with a folder of its own, which is removed afterwards, as are those that killed runs left there. */
export async function withScratch<T>(work: (folder: string) => Promise<T>, parent = tmpdir()): Promise<T> {
  const folder = await makeWorkFolder(parent, 'dataelixir-scratch-').catch(unwritten(parent));
  try {
    return await work(folder);
  } finally {
    await removeWorkFolder(folder);
  }
}
