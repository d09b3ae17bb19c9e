// The real process of a worker thread, but mortal: it aborts.

import '../../src/workers/network.process.ts';
import type { Work } from '../../src/workers/protocol.ts';
import type { WireWork } from '../../src/workers/wire.ts';
import { kills, mortality } from './mortality.ts';

process.on('message', ({ work }: WireWork) => {
  if (!kills(work as Work)) return;
  if (mortality.moment === 'before') abort();
  process.send = abort;
});

/** What `process.abort()` ends in, without its report on stderr. */
function abort(): never {
  process.kill(process.pid, 'SIGABRT');
  for (;;);
}
