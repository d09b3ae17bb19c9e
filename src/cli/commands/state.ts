// `state`: what a state holds, as one line of JSON.

import { resolve } from 'node:path';
import type { Context } from '../../app/context.ts';
import { versions } from '../../app/paths.ts';
import { jsonLine } from '../../control-characters.ts';
import { ConfigError } from '../../errors.ts';
import { onDatabase } from '../../state/database.ts';
import { State } from '../../state/state.ts';
import { summaryOf } from '../../state/summary.ts';

export async function state({ settings, stdout }: Context): Promise<void> {
  const { path } = settings.state;
  if (path === null) throw new ConfigError('state.path: expected a state to look at, found none; name one');
  const folder = resolve(path);
  const summary = await onDatabase(folder, async () => {
    const opened = await State.openThere(folder, versions().dataelixir);
    return summaryOf(opened).finally(() => opened.close());
  });
  stdout.write(`${jsonLine(summary)}\n`);
}
