// `docs/results.md`: the entries of `results.json` as tables for people who decide whether to trust the tool. The
// same entries give the same page.

import { type AlarmFigures, ownSeconds, type RunFigures } from './figures.ts';
import type { Entry } from './results.ts';

/** A row without figures, and why. */
export interface Pending {
  readonly row: string;
  readonly state: string;
}

const INTRODUCTION = `# Results

Written by \`npm run experiments\` from [results.json](results.json); do not edit. One row is one seed.

BA: accuracy on clean test images. ASR: share of triggered test images that get the label the attacker wants; where
every class is attacked, the label after their own. Clean, backdoored and defended: the model trained on clean, on poisoned and
on purified data. TPR and FPR: shares of the poisoned and of the other samples that got another label or were dropped.
Labels: share of the relabelled poisoned samples that got their true label. Calls: denoiser calls a sample. Seconds:
the whole row without the training of the denoiser and of the clean model, which rows share; by the clock, often beside
other work on the same machine.

A row **holds** when the attacked labels were flagged and no other, the defended ASR is at most 3 % or one point above the
clean model's, and the defended BA at most 1.5 points below the clean model's; "–" where the backdoored ASR is below
80 %, so that there was no backdoor to remove. A clean dataset holds when nothing was flagged and it came out pixel for pixel as
it went in. Resampled and drawn datasets are judged by their transition records alone, without images.
`;

const RUN_HEAD = [
  'attack',
  'rate',
  'seed',
  'clean BA / ASR',
  'backdoored',
  'defended',
  'flagged',
  'attacked',
  'TPR',
  'FPR',
  'labels',
  'calls',
  'seconds',
  'holds',
];

type RunEntry = Entry & { readonly figures: RunFigures };
type AlarmEntry = Entry & { readonly figures: AlarmFigures };

/** The page in Markdown. */
export function page(entries: readonly Entry[], pending: readonly Pending[]): string {
  const sorted = [...entries].sort((a, b) => (a.row < b.row ? -1 : 1));
  const runs = sorted.filter((entry): entry is RunEntry => entry.figures?.kind === 'run');
  const alarms = sorted.filter((entry): entry is AlarmEntry => 'alarms' in (entry.figures ?? {}));
  const datasets = [...new Set(runs.map(({ figures }) => figures.dataset))];
  return [
    INTRODUCTION,
    ...datasets.flatMap((dataset) =>
      datasetSection(
        dataset,
        runs.filter(({ figures }) => figures.dataset === dataset),
      ),
    ),
    ...section('Clean datasets in which anything was flagged', alarmTable(alarms), alarms.length),
    ...section('Not measured', pendingTable(pending), pending.length),
    ...section('Code and machines', provenanceTable([...runs, ...alarms]), runs.length + alarms.length),
  ].join('\n');
}

function section(title: string, body: readonly string[], rows: number): string[] {
  return rows === 0 ? [] : [`## ${title}`, '', ...body, ''];
}

function datasetSection(dataset: string, entries: readonly RunEntry[]): string[] {
  const notes = [...new Set(entries.flatMap(({ note }) => note ?? []))];
  const sizes = [...new Set(entries.map(({ figures }) => figures.samples))].join(' or ');
  const body = table(
    RUN_HEAD,
    entries.map((entry) => runCells(entry, notes)),
  );
  const footnotes = notes.flatMap((note, i) => ['', `(${i + 1}) ${note}`]);
  return section(`${dataset}, ${sizes} images`, [...body, ...footnotes], entries.length);
}

function runCells({ figures, criteria, note }: RunEntry, notes: readonly string[]): string[] {
  const { attack, labels, preset, rate, seed, flagged, attacked, tpr, fpr, labelAccuracy } = figures;
  const { denoiserCallsPerSample: calls, clean, backdoored, defended } = figures;
  const name = [
    attack,
    ...(labels && labels !== 'all-to-one' ? [labels] : []),
    ...(preset === 'default' ? [] : [`preset ${preset}`]),
  ].join(', ');
  const poisonFree = attack === 'none';
  return [
    note === undefined ? name : `${name} (${notes.indexOf(note) + 1})`,
    rate === undefined ? '–' : `${Number((100 * rate).toFixed(2))} %`,
    String(seed),
    // without an attack, what was trained on the data as it came was trained on clean data
    rates(poisonFree ? backdoored : clean),
    rates(poisonFree ? undefined : backdoored),
    rates(defended),
    labelList(flagged, attacked),
    labelList(attacked, attacked),
    percent(tpr),
    percent(fpr),
    percent(labelAccuracy),
    calls === undefined ? '–' : calls.toFixed(1),
    ownSeconds(figures).toFixed(0),
    holds(criteria),
  ];
}

function alarmTable(entries: readonly AlarmEntry[]): string[] {
  const cells = entries.map(({ figures, criteria }) => [
    figures.kind === 'bootstrap' ? `resamples of ${figures.of}` : figures.of,
    String(figures.datasets),
    `${figures.alarms} (${((100 * figures.alarms) / figures.datasets).toFixed(2)} %)`,
    figures.seconds.toFixed(0),
    holds(criteria),
  ]);
  return table(['what', 'datasets', 'flagged', 'seconds', 'at most 1 %'], cells);
}

function pendingTable(pending: readonly Pending[]): string[] {
  const cells = [...grouped(pending, ({ state }) => state)].map(([state, members]) => [
    state.replaceAll('|', '\\|'),
    members.map(({ row }) => row).join(', '),
  ]);
  return table(['why', 'rows'], cells);
}

/** One line a commit and machine, with the rows measured there. */
function provenanceTable(entries: readonly Entry[]): string[] {
  const groups = grouped(entries, ({ commit, machine }) => `${commit}\n${machine}`);
  const cells = [...groups].map(([key, members]) => {
    const dates = members.map(({ date }) => date.slice(0, 10)).sort();
    const [first, last] = [dates[0]!, dates.at(-1)!];
    const rows = members.map(({ row }) => row).join(', ');
    return [...key.split('\n'), first === last ? first : `${first} to ${last}`, rows];
  });
  return table(['commit', 'machine', 'date', 'rows'], cells);
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

function rates(found: RunFigures['clean']): string {
  if (found === undefined) return '–';
  return found.asr === undefined ? percent(found.ba) : `${percent(found.ba)} / ${percent(found.asr)}`;
}

function labelList(labels: readonly number[], attacked: readonly number[]): string {
  if (labels.length === 0) return 'none';
  return labels.length > 1 && String(labels) === String(attacked) ? 'all' : labels.join(', ');
}

function holds(criteria: Readonly<Record<string, boolean>> = {}): string {
  const all = Object.entries(criteria);
  const broken = all.filter(([, kept]) => !kept).map(([name]) => name);
  if (all.length === 0) return '–';
  return broken.length === 0 ? 'yes' : `no: ${broken.join(', ')}`;
}

function percent(fraction: number | undefined): string {
  return fraction === undefined ? '–' : `${(100 * fraction).toFixed(1)} %`;
}
