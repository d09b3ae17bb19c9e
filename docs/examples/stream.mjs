// A Node.js program that uses DataElixir as a library: samples flow in from wherever the program has them, here from
// a dataset on disk, and come out settled, one by one. Usage: node stream.mjs DATASET DENOISER [OBSERVER]

import { openDataset, purify } from 'dataelixir';
import { filter, from, map, tap } from 'rxjs';

const [path, denoiser, observer] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort(new Error('interrupted')));

const { info, read } = await openDataset(path);

/** A sample is { id, label, pixels: Uint8Array [C, H, W], shape: [C, H, W] }; any iterable of them will do. */
async function* samples() {
  for await (const result of read()) if (result.ok) yield result.sample;
}

const events = purify(samples(), {
  classes: info.classes,
  denoiser,
  ...(observer && { observer }), // without one, an observer is trained on the samples
  settings: { workers: 2, diffusion: { rounds: 2 }, classifier: { epochs: 3 } },
  signal: stop.signal,
});

// An async iterable is an observable, too: `for await (const event of events)` does as well.
await from(events)
  .pipe(
    tap((event) => {
      if (event.kind === 'verdict') console.error('targets:', event.verdict.targetLabels);
      if (event.kind === 'refused') console.error('refused:', event.refused.id, event.refused.message);
      if (event.kind === 'finished') console.error(event.summary.written, 'samples settled');
    }),
    filter((event) => event.kind === 'settled' && event.entry.image !== 'none'),
    map(({ sample, entry }) => ({ id: sample.id, label: sample.label, rule: entry.rule })),
  )
  .forEach((line) => void console.log(JSON.stringify(line)));
