// A process that computes in the place of a worker thread, so that native code which aborts takes nothing else along.
// It answers one message after the other, and ends when its thread does. Signals are for the process that started it: on
// a terminal they come to all.

import { type Outcome, toFailure } from '../errors.ts';
import type { EngineOptions } from '../runtime/create-engine.ts';
import { createEngine } from '../runtime/create-engine.ts';
import { LocalComputer } from './local-computer.ts';
import type { WorkResults } from './protocol.ts';
import { MissingMemory, unpack, type WireWork } from './wire.ts';

const options = JSON.parse(process.argv[2]!) as EngineOptions;
const computer = new LocalComputer(createEngine(options), options.executionProvider);

/** What came of a work, or that its memory has to be sent. */
export type Answer = Outcome<WorkResults[keyof WorkResults]> | 'missing';

async function answer(wire: WireWork): Promise<Answer> {
  try {
    return { ok: true, value: await computer.compute(unpack(wire)) };
  } catch (error) {
    if (error instanceof MissingMemory) return 'missing';
    return { ok: false, failure: toFailure(error) };
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit());
process.on('message', (wire: WireWork) => {
  void answer(wire).then((said) => process.send!(said));
});
