// The commands by name: what each does, what it reads and where its code is. The code is imported when the
// command is called, so that `--help` and a mistyped option answer at once.

import type { CommandName } from '../../config/options.ts';
import type { Settings } from '../../config/schema.ts';
import type { Log } from './log.ts';
import type { Tally } from './tally.ts';

/** What a command gets from the program. */
export interface Context {
  readonly settings: Settings;
  readonly log: Log;
  /** Results go here. */
  readonly stdout: NodeJS.WritableStream;
  readonly stdin: NodeJS.ReadableStream;
  /** Path of a file as the user named it, or of the package's own. */
  locate(path: string): string;
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal;
  /** Counts what happens; left out where nobody asks. */
  readonly tally?: Tally;
}

export interface Command {
  readonly name: CommandName;
  readonly summary: string;
  /** Option that the positional arguments are values of, and how the help calls them. */
  readonly positional?: { readonly path: string; readonly name: string };
  /** Sections of the schema that the command reads. */
  readonly sections: readonly string[];
  readonly load: () => Promise<(context: Context) => Promise<void>>;
}

const SOURCES = { path: 'dataset.train', name: 'SOURCE…' };
const PURIFYING = [
  'observer',
  'classifier',
  'denoiser',
  'diffusion',
  'detect',
  'repair',
  'benign',
  'metrics',
];

export const commands: readonly Command[] = [
  {
    name: 'run',
    summary:
      "The paper's experiment: poison, train the observer, purify, train the benign model, evaluate; a before/after table on stdout.",
    sections: ['dataset', 'attack', ...PURIFYING, 'evaluation', 'output'],
    load: async () => (await import('./commands/run.ts')).run,
  },
  {
    name: 'purify',
    summary:
      'Repair a dataset: verdict, purified dataset and benign model in the record folder, verdict on stdout; with - as source, the purified dataset on stdout.',
    positional: SOURCES,
    sections: ['dataset', ...PURIFYING, 'state', 'follow', 'output'],
    load: async () => (await import('./commands/purify.ts')).purify,
  },
  {
    name: 'merge',
    summary: 'Make one state of those that several machines left, each over a part of a dataset.',
    positional: { path: 'state.parts', name: 'STATE…' },
    sections: ['state'],
    load: async () => (await import('./commands/merge.ts')).merge,
  },
  {
    name: 'state',
    summary:
      'Print what a state holds: whose it is, how far its sources were read, what its last run said and released.',
    positional: { path: 'state.path', name: 'STATE' },
    sections: ['state'],
    load: async () => (await import('./commands/state.ts')).state,
  },
  {
    name: 'poison',
    summary: 'Write a poisoned copy of a dataset with a ground-truth manifest beside it.',
    positional: SOURCES,
    sections: ['dataset', 'attack', 'output'],
    load: async () => (await import('./commands/poison.ts')).poison,
  },
  {
    name: 'train',
    summary: 'Train a classifier on a dataset as it is and write it as ONNX file.',
    positional: SOURCES,
    sections: ['dataset', 'classifier', 'output'],
    load: async () => (await import('./commands/train.ts')).train,
  },
  {
    name: 'train-denoiser',
    summary: 'Train a noise predictor on a dataset and write it as safetensors file to denoiser.path.',
    positional: { path: 'denoiser.sources', name: 'SOURCE…' },
    sections: ['dataset', 'denoiser'],
    load: async () => (await import('./commands/train-denoiser.ts')).trainDenoiser,
  },
  {
    name: 'transitions',
    summary: 'Diffuse a dataset and print the observer’s labels along the way, one JSON object a sample.',
    positional: SOURCES,
    sections: ['dataset', 'observer', 'denoiser', 'diffusion', 'metrics'],
    load: async () => (await import('./commands/transitions.ts')).transitions,
  },
  {
    name: 'detect',
    summary: 'Read transition records on stdin and print the target labels with the score of every class.',
    sections: ['dataset', 'detect'],
    load: async () => (await import('./commands/detect.ts')).detect,
  },
  {
    name: 'evaluate',
    summary:
      'Print accuracy on the test set and, with an attack named, the attack success rate of a classifier.',
    positional: { path: 'observer.path', name: 'MODEL' },
    sections: ['dataset', 'attack', 'observer', 'evaluation'],
    load: async () => (await import('./commands/evaluate.ts')).evaluate,
  },
];
