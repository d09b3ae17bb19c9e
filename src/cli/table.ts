// The before/after table that `run` prints.

import type { Metrics, Rates } from '../state/record.ts';

const MODELS = [
  ['clean', 'trained on clean data'],
  ['backdoored', 'trained on the data as it came'],
  ['defended', 'trained on the purified data'],
] as const;

/** The figures of a run for people; all of them are in `metrics.json` as well. */
export function comparison(metrics: Metrics): string {
  const rows = MODELS.filter(([name]) => metrics[name]).map(([name, what]) =>
    rateRow(name, what, metrics[name]!),
  );
  const head = `${'model'.padEnd(12)}${'accuracy'.padStart(10)}${'attack success'.padStart(17)}`;
  const { seconds, peakRssMiB, denoiserCallsPerSample } = metrics.cost;
  const total = Object.values(seconds).reduce((sum, value) => sum + value, 0);
  const calls =
    denoiserCallsPerSample === undefined
      ? ''
      : `${denoiserCallsPerSample.toFixed(1)} denoiser calls a sample, `;
  return [
    ...(rows.length > 0 ? [head, ...rows, ''] : []),
    detectionLine(metrics),
    `cost: ${calls}${total.toFixed(0)} s, at most ${peakRssMiB} MiB`,
    '',
  ].join('\n');
}

function rateRow(name: string, what: string, { ba, asr }: Partial<Rates>): string {
  return `${name.padEnd(12)}${percent(ba).padStart(10)}${percent(asr).padStart(17)}   ${what}`;
}

function detectionLine({ attack, detection }: Metrics): string {
  const { targetLabels = [], tpr, fpr, labelAccuracy } = detection ?? {};
  const attacked = attack === undefined ? '' : ` (attacked: ${attack.target ?? 'all'})`;
  const figures = [
    ['poisoned samples changed', tpr],
    ['clean samples changed', fpr],
    ['true label restored', labelAccuracy],
  ] as const;
  const known = figures
    .filter(([, value]) => value !== undefined)
    .map(([what, value]) => `${what} ${percent(value)}`);
  return [`flagged labels: ${targetLabels.join(', ') || 'none'}${attacked}`, ...known].join('; ');
}

function percent(fraction: number | undefined): string {
  return fraction === undefined ? '–' : `${(100 * fraction).toFixed(1)} %`;
}
