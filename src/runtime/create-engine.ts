// Makes the engine that the configuration names. TensorFlow.js is imported only when it is asked for.

import type { EngineOptions } from '../workers/protocol.ts';
import type { Engine } from './executor.ts';
import { OnnxEngine } from './onnx-engine.ts';

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
