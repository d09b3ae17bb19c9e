// Makes the engine that the configuration names. TensorFlow.js is imported only when it is asked for.

import type { Engine } from './executor.ts';
import { type ExecutionProvider, OnnxEngine } from './onnx-engine.ts';
import type { TfjsBackend } from './tfjs-engine.ts';

/** Which engine the workers of a pool compute with. */
export interface EngineOptions {
  readonly engine: 'onnx' | 'tfjs';
  readonly executionProvider: ExecutionProvider;
  readonly tfjsBackend: TfjsBackend;
}

/** @throws {EngineError} when the engine's library is missing */
export async function createEngine({
  engine,
  executionProvider,
  tfjsBackend,
}: EngineOptions): Promise<Engine> {
  if (engine === 'onnx') return new OnnxEngine(executionProvider);
  const { TfjsEngine } = await import('./tfjs-engine.ts');
  return TfjsEngine.create(tfjsBackend);
}
