// What `npm run experiments` measures, most informative first: an interrupted campaign has then answered the most
// important questions. A row is a configuration file of config/ and what is set beside it, so that anybody can
// repeat it with `dataelixir run`.

import { options } from '../../config/load.ts';

/** One whole run of the program. */
export interface RunRow {
  readonly kind: 'run';
  /** Also the name of its record folder. */
  readonly id: string;
  /** Path of the configuration file, from the project's root. */
  readonly config: string;
  /** Values that stand above those of the file, by option path, as on the command line. */
  readonly set: Readonly<Record<string, string>>;
  /** What a reader of the results has to know. */
  readonly note?: string;
}

/** The verdict on resamples of a clean run's transition records. */
export interface BootstrapRow {
  readonly kind: 'bootstrap';
  readonly id: string;
  /** Its record must be there. */
  readonly of: RunRow;
  readonly resamples: number;
}

/** The verdict on drawn datasets in which every class is clean. */
export interface SimulationRow {
  readonly kind: 'simulation';
  readonly id: string;
  readonly classes: number;
  readonly draws: number;
}

export type Row = RunRow | BootstrapRow | SimulationRow;

const FASHION = 'fashion-mnist';
const DATASETS = [FASHION, 'gtsrb', 'cifar10'];
const RATES = ['0.005', '0.01', '0.05', '0.2'];

/** The `paper` preset with this project's classifier: 100 epochs of PreActResNet-18 would take a day a model. */
const PAPER = {
  preset: 'paper',
  ...Object.fromEntries(
    options
      .filter(({ path }) => path.startsWith('classifier.'))
      .map(({ path, option }) => [path, String(option.default)]),
  ),
};
const PAPER_NOTE = '2,000 images, 50 epochs; preset paper, but with the classifier of the default preset';

/** 750 calls a sample: 10,000 images would take the paper's preset hours. Both presets get these, side by side. */
const FEW = { 'dataset.limit': '2000', 'classifier.epochs': '50' };
const FEW_NOTE = '2,000 images, 50 epochs';
const PRESETS: readonly Variation[] = [
  { set: FEW, name: 'few', note: FEW_NOTE },
  { set: { ...PAPER, ...FEW }, name: 'few-paper', note: PAPER_NOTE },
];

interface Variation {
  readonly set?: Readonly<Record<string, string>>;
  /** What the variation is called in ids. */
  readonly name?: string;
  readonly note?: string;
}

function run(dataset: string, attack: string, seed: number, variation: Variation = {}): RunRow {
  const { set = {}, name, note } = variation;
  const id = [dataset, attack, name, `s${seed}`].filter((part) => part !== undefined).join('-');
  const { config, ...own } = recipe(attack);
  const all = { ...own, ...set, seed: String(seed) };
  return { kind: 'run', id, config: `config/${config}/${dataset}.yaml`, set: all, ...(note && { note }) };
}

/** `all-to-all` and `clean` are BadNets with another label map, and without any poison. */
function recipe(attack: string): { readonly config: string; readonly [option: string]: string } {
  if (attack === 'all-to-all') return { config: 'badnet', 'attack.labels': 'all-to-all' };
  if (attack === 'clean') return { config: 'badnet', 'attack.name': 'none' };
  return { config: attack };
}

/** A run without attack and the bootstrap of its records. */
function clean(dataset: string, seed: number, variation: Variation = {}): Row[] {
  const of = run(dataset, 'clean', seed, variation);
  return [of, { kind: 'bootstrap', id: `${of.id}-bootstrap`, of, resamples: 200 }];
}

function simulation(classes: number): SimulationRow {
  return { kind: 'simulation', id: `simulation-${classes}`, classes, draws: 10_000 };
}

const each = (dataset: string, attacks: readonly string[], seed = 1): Row[] =>
  attacks.map((attack) => run(dataset, attack, seed));

const SEEDED = ['badnet', 'blended', 'wanet', 'all-to-all'];

export const rows: readonly Row[] = [
  run(FASHION, 'badnet', 1),
  ...clean(FASHION, 1),
  ...each(FASHION, ['blended', 'wanet', 'all-to-all', 'sig']),
  simulation(200),
  ...each('gtsrb', ['badnet']),
  ...clean('gtsrb', 1),
  ...each('cifar10', ['badnet']),
  ...clean('cifar10', 1),
  ...each(FASHION, ['label-consistent', 'ftrojan', 'low-frequency', 'bpp', 'trojannn', 'input-aware']),
  ...each(FASHION, ['sample-specific', 'adaptive-blend', 'adaptive-patch']),
  ...each('gtsrb', ['blended', 'sig', 'wanet', 'input-aware', 'all-to-all']),
  ...each('cifar10', ['blended', 'wanet', 'all-to-all']),
  ...[2, 3].flatMap((seed) => DATASETS.flatMap((dataset) => clean(dataset, seed))),
  ...[2, 3].flatMap((seed) => each(FASHION, SEEDED, seed)),
  ...RATES.flatMap((rate) =>
    ['badnet', 'blended'].map((attack) =>
      run(FASHION, attack, 1, { set: { 'attack.rate': rate }, name: `rate-${rate}` }),
    ),
  ),
  simulation(10),
  simulation(43),
  ...PRESETS.flatMap((preset) => [run(FASHION, 'badnet', 1, preset), ...clean(FASHION, 1, preset)]),
];
