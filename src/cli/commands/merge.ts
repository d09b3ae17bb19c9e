// `merge`: states of several machines, each over a part of a dataset, become the state of one machine over all of it.

import { resolve } from 'node:path';
import type { Context } from '../../app/context.ts';
import { versions } from '../../app/paths.ts';
import { ConfigError } from '../../errors.ts';
import { mergeStates } from '../../state/merge.ts';

export async function merge({ settings, log, stdout }: Context): Promise<void> {
  const { path, parts } = settings.state;
  if (path === null) {
    throw new ConfigError(
      'state.path: expected where the merged state goes, found none; pass --state FOLDER',
    );
  }
  const folders = parts.map((part) => resolve(part));
  if (new Set(folders).size < 2 || new Set(folders).size < folders.length) {
    throw new ConfigError(
      `state.parts: expected at least two different states, found ${parts.join(', ') || 'none'}; name each once`,
    );
  }
  const merged = await mergeStates(folders, resolve(path), versions().dataelixir);
  const { samples, candidates } = merged;
  const event = { event: 'merged', samples, candidates, path } as const;
  log.info('merge', `${samples} samples, candidates of ${candidates}: ${path}`, event);
  stdout.write(`${JSON.stringify(merged)}\n`);
}
