// An engine that refuses to run anything once it is told to stop. A worker thread that is terminated in the middle
// of a native call takes the whole process down with it, so a pool that closes lets each worker come back first;
// this way that takes one call of a network and not a whole batch.

import { EngineError } from '../errors.ts';
import type { Engine } from './executor.ts';

/** @param stop in shared memory; anything but 0 means stop */
export function stoppable(engine: Engine, stop: Int32Array): Engine {
  return {
    name: engine.name,
    async load(graph, options) {
      const executable = await engine.load(graph, options);
      return {
        run: async (feeds, into) => {
          expectRunning(stop);
          return executable.run(feeds, into);
        },
        dispose: () => executable.dispose(),
      };
    },
  };
}

/** @throws {EngineError} when `stop` is set */
export function expectRunning(stop: Int32Array): void {
  if (Atomics.load(stop, 0) !== 0) throw new EngineError('expected running workers, found their pool closed');
}
