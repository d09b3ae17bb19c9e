// The commands by name: what each does, what it reads and where its code is. The code is imported when the
// command is called, so that `--help` and a mistyped option answer at once.

import type { CommandName } from '../../config/options.ts';
import type { Context } from '../app/context.ts';
import { DENOISER_MEANING } from '../app/meanings.ts';

export interface Command {
  readonly name: CommandName;
  readonly summary: string;
  /** Option that the positional arguments are values of, and how the help calls them. */
  readonly positional?: { readonly path: string; readonly name: string };
  /** Sections of the schema that the command reads, or single options of them, beside what stands above all sections. */
  readonly sections: readonly string[];
  /** Options that it does not read all the same. */
  readonly without?: readonly string[];
  readonly load: () => Promise<(context: Context) => Promise<void>>;
}

const SOURCES = { path: 'dataset.train', name: 'SOURCE…' };
const JUDGING = ['observer', 'classifier', 'denoiser', 'diffusion', 'detect', 'metrics'];
const PURIFYING = [...JUDGING, 'repair', 'benign'];

const MEANING = DENOISER_MEANING.map((name) => `denoiser.${name}`);
const RECORD = ['saveFolderName', 'recordRoot'];
const COMPUTING = ['engine', 'tfjsBackend', 'executionProvider', 'workers', 'isolation', 'inFlight', 'seed'];
const TEST = ['dataset.test', 'dataset.testLimit'];
const TRAINING = ['dataset.name', 'dataset.train', 'dataset.offset', 'dataset.limit'];

/** Whether a command reads an option of the schema. */
export function reads({ sections, without = [] }: Command, path: string): boolean {
  const [section, name] = path.split('.');
  return (
    (name === undefined || sections.includes(section!) || sections.includes(path)) && !without.includes(path)
  );
}

export const commands: readonly Command[] = [
  {
    name: 'run',
    summary:
      "The paper's experiment: poison, train the observer, purify, train the benign model, evaluate; a before/after table on stdout.",
    sections: ['dataset', 'attack', ...PURIFYING, 'evaluation', 'output'],
    without: ['evaluation.manifest', 'evaluation.truth', 'output.changes'],
    load: async () => (await import('./commands/run.ts')).run,
  },
  {
    name: 'scan',
    summary:
      'Is a dataset poisoned? Verdict on stdout and in words, with evidence in the record folder; nothing is repaired.',
    positional: SOURCES,
    sections: ['dataset', ...JUDGING],
    without: TEST,
    load: async () => (await import('./commands/scan.ts')).scan,
  },
  {
    name: 'purify',
    summary:
      'Repair a dataset: verdict, purified dataset and benign model in the record folder, verdict on stdout; with - as source, the purified dataset on stdout.',
    positional: SOURCES,
    sections: ['dataset', ...PURIFYING, 'state', 'follow', 'output'],
    without: [...TEST, 'state.parts'],
    load: async () => (await import('./commands/purify.ts')).purify,
  },
  {
    name: 'merge',
    summary: 'Make one state of those that several machines left, each over a part of a dataset.',
    positional: { path: 'state.parts', name: 'STATE…' },
    sections: ['state'],
    without: [...RECORD, ...COMPUTING, 'overwrite', 'state.models'],
    load: async () => (await import('./commands/merge.ts')).merge,
  },
  {
    name: 'state',
    summary:
      'Print what a state holds: whose it is, how far its sources were read, what its last run said and released.',
    positional: { path: 'state.path', name: 'STATE' },
    sections: ['state'],
    without: [...RECORD, ...COMPUTING, 'overwrite', 'state.models', 'state.parts'],
    load: async () => (await import('./commands/state.ts')).state,
  },
  {
    name: 'poison',
    summary: 'Write a poisoned copy of a dataset with a ground-truth manifest beside it.',
    positional: SOURCES,
    sections: ['dataset', 'attack', 'classifier', 'output', 'metrics'],
    // trained attacks go by attack.epochs
    without: [...RECORD, 'overwrite', 'classifier.epochs', 'output.image', 'output.changes'],
    load: async () => (await import('./commands/poison.ts')).poison,
  },
  {
    name: 'train',
    summary: 'Train a classifier on a dataset as it is and write it as ONNX file.',
    positional: SOURCES,
    sections: ['dataset', 'classifier', 'output', 'metrics'],
    without: [...RECORD, 'output.format', 'output.image', 'output.changes'],
    load: async () => (await import('./commands/train.ts')).train,
  },
  {
    name: 'train-denoiser',
    summary: 'Train a noise predictor on a dataset and write it as safetensors file to denoiser.path.',
    positional: { path: 'denoiser.sources', name: 'SOURCE…' },
    sections: ['dataset', 'denoiser', 'metrics'],
    without: [...RECORD, ...TRAINING, ...TEST, ...MEANING],
    load: async () => (await import('./commands/train-denoiser.ts')).trainDenoiser,
  },
  {
    name: 'transitions',
    summary: 'Diffuse a dataset and print the observer’s labels along the way, one JSON object a sample.',
    positional: SOURCES,
    sections: ['dataset', 'observer', 'denoiser.path', ...MEANING, 'diffusion', 'metrics'],
    without: [...RECORD, 'overwrite', ...TEST],
    load: async () => (await import('./commands/transitions.ts')).transitions,
  },
  {
    name: 'detect',
    summary: 'Read transition records on stdin and print the target labels with the score of every class.',
    sections: ['dataset.classes', 'detect'],
    without: [...RECORD, ...COMPUTING, 'detect.canaries'],
    load: async () => (await import('./commands/detect.ts')).detect,
  },
  {
    name: 'evaluate',
    summary:
      'Print accuracy on the test set and, with an attack named, the attack success rate of a classifier.',
    positional: { path: 'observer.path', name: 'MODEL' },
    sections: ['dataset', 'attack', 'classifier', 'observer', 'evaluation'],
    without: [...RECORD, 'overwrite', 'classifier.epochs', 'evaluation.clean'],
    load: async () => (await import('./commands/evaluate.ts')).evaluate,
  },
];
