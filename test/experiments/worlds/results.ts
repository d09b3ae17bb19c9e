// What came of the worlds: `docs/worlds.json`, a line a world, and the page that it makes.

import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { CanaryFinding } from '../../../src/defense/verdict/canary.ts';
import type { ClassVerdict } from '../../../src/defense/verdict/verdict.ts';
import { wilsonInterval } from '../../../src/math/binomial.ts';
import type { AttackDescription } from './attacked.ts';
import type { World, WorldClass } from './world.ts';

/** One world and its verdict. */
export interface WorldEntry extends Pick<World, 'seed' | 'epochs' | 'denoiser' | 'noise'> {
  /** `clean-12` or `attacked-12`. */
  readonly id: string;
  readonly commit: string;
  readonly samples: number;
  /** Share of test images that the observer calls by their class. */
  readonly accuracy: number;
  readonly attack?: AttackDescription;
  /** Share of triggered test images that get the attacker's label. */
  readonly asr?: number;
  readonly flagged: readonly number[];
  readonly classes: readonly (WorldClass & ClassVerdict)[];
  readonly canaries: readonly CanaryFinding[];
  readonly seconds: number;
}

export function readWorlds(path: string): readonly WorldEntry[] {
  if (!existsSync(path)) return [];
  return JSON.parse(readFileSync(path, 'utf8')) as WorldEntry[];
}

/** Replaces the entry of the same world. */
export async function addWorld(path: string, entry: WorldEntry): Promise<void> {
  const others = readWorlds(path).filter(({ id }) => id !== entry.id);
  const sorted = [...others, entry].sort((a, b) => kindOf(a).localeCompare(kindOf(b)) || a.seed - b.seed);
  // a line a world, so that changes can be read
  await writeFile(path, `[\n${sorted.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`);
}

function kindOf({ id }: WorldEntry): string {
  return id.split('-')[0]!;
}

/** Attack success rate from which on a backdoor counts as learned. */
const LEARNED = 0.8;

/** Odd seeds below it were looked at when something was decided, so that they count as chosen on. */
const FIRST_UNSEEN = 219;

/** The page in Markdown. Odd seeds from the first unseen one are judged once; constants were chosen on all others. */
export function worldsPage(entries: readonly WorldEntry[]): string {
  const unseen = ({ seed }: WorldEntry) => seed % 2 === 1 && seed >= FIRST_UNSEEN;
  const halves = [
    {
      title: `Worlds that nothing was chosen on (odd seeds from ${FIRST_UNSEEN})`,
      of: entries.filter(unseen),
    },
    { title: 'Worlds that constants were chosen on', of: entries.filter((entry) => !unseen(entry)) },
  ];
  return [
    '# Worlds',
    '',
    'Datasets drawn from everything at hand, clean and attacked, each to its verdict. Written by `npm run worlds` from',
    '`worlds.json`; do not edit. [experiments.md](experiments.md) says how worlds are drawn and what was learnt.',
    '',
    ...halves.flatMap(({ title, of }) => [
      `## ${title}`,
      '',
      ...cleanTable(of),
      '',
      ...attackedTable(of),
      '',
    ]),
    '![p-values of honest classes against the uniform distribution](worlds.svg)',
    '',
  ].join('\n');
}

function cleanTable(entries: readonly WorldEntry[]): string[] {
  const clean = entries.filter(({ attack }) => !attack);
  const flagged = clean.filter((entry) => entry.flagged.length > 0);
  const states = (state: string) =>
    clean.reduce((sum, { classes }) => sum + classes.filter((one) => one.state === state).length, 0);
  return [
    `Clean: ${share(flagged.length, clean.length)} of the worlds flagged. Classes: ${states('clean')} clean, ` +
      `${states('undecided')} undecided, ${states('target')} accused.`,
    ...flagged.map(({ id, flagged: labels, classes }) => {
      const names = labels.map((label) => describe(classes[label]!)).join(', ');
      return `- ${id}: ${names}`;
    }),
  ];
}

function describe({ name, traits, samples, pValue = 1, stamp }: WorldEntry['classes'][number]): string {
  const what = [name, ...traits].join(', ');
  const obeyed = stamp ? `, ${stamp.hits} of ${stamp.images} images obey` : '';
  return `${what} (${samples} samples, p ${pValue.toExponential(0)}${obeyed})`;
}

function attackedTable(entries: readonly WorldEntry[]): string[] {
  const attacked = entries.filter(({ attack }) => attack);
  const kinds = [...new Set(attacked.map(({ attack }) => `${attack!.name}, ${attack!.labels}`))].sort();
  const rows = kinds.map((kind) => {
    const of = attacked.filter(({ attack }) => `${attack!.name}, ${attack!.labels}` === kind);
    return [kind, ...cells(of)];
  });
  const head = [
    'attack',
    'worlds',
    'backdoor learned',
    'flagged of those',
    'of these, where power reached',
    'undecided',
    'honest class accused',
  ];
  return [head, head.map(() => '---'), ...rows, ['all', ...cells(attacked)]].map(
    (row) => `| ${row.join(' | ')} |`,
  );
}

function cells(worlds: readonly WorldEntry[]): string[] {
  const learned = worlds.filter(({ asr }) => asr !== undefined && asr >= LEARNED);
  const hit = ({ attack, flagged }: WorldEntry) => attack!.attacked.some((label) => flagged.includes(label));
  const open = ({ attack, classes }: WorldEntry) =>
    attack!.attacked.every((label) => classes[label]!.state === 'undecided');
  const wrong = ({ attack, flagged }: WorldEntry) =>
    flagged.some((label) => !attack!.attacked.includes(label));
  const reached = learned.filter(powerReaches);
  return [
    String(worlds.length),
    String(learned.length),
    share(learned.filter(hit).length, learned.length),
    share(reached.filter(hit).length, reached.length),
    String(learned.filter((world) => !hit(world) && open(world)).length),
    share(worlds.filter(wrong).length, worlds.length),
  ];
}

/** Attacks whose trigger is a small patch; others are like a blend. */
const PATCHES = new Set(['badnet', 'adaptive-patch']);

/** Whether the power that is stated of the attacked class, for triggers like this one, is at most its share of poison. */
function powerReaches({ attack, classes }: WorldEntry): boolean {
  const kinds = PATCHES.has(attack!.name) ? ['patch', 'large-patch'] : ['blend'];
  return attack!.attacked.every((label) =>
    kinds.every((kind) => {
      const least = classes[label]!.power?.[kind];
      return least != null && least <= attack!.shareOfClass;
    }),
  );
}

/** With its 95 % interval. */
function share(hits: number, total: number): string {
  if (total === 0) return '–';
  const [low, high] = wilsonInterval(hits, total).map((rate) => (100 * rate).toFixed(0));
  return `${hits} of ${total} (${low}–${high} %)`;
}
