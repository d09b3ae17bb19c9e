// A terminal is refused as a place for images before a run begins, since it would only find out when all work is done.

import type { Context } from '../app/context.ts';
import { toStandardOutput } from '../app/paths.ts';
import { ConfigError } from '../errors.ts';

/** Images are nothing for a screen. */
export function checkTerminal(context: Context): void {
  if (!toStandardOutput(context) || !('isTTY' in context.stdout && context.stdout.isTTY)) return;
  throw new ConfigError(
    'output.path: expected stdout to be a pipe or a file, found a terminal; redirect it or set output.path',
  );
}
