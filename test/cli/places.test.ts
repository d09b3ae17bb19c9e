// Whatever a command reads, it writes nothing there: tried with every option of the schema that it reads, against every
// one that it writes.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSettings, options } from '../../config/load.ts';
import type { CommandName } from '../../config/options.ts';
import { commands } from '../../src/cli/commands.ts';
import { refuseOverlaps } from '../../src/cli/overlaps.ts';
import { placesOf } from '../../src/cli/places.ts';
import { temporaryFolder } from '../datasets/make.ts';

type Values = Readonly<Record<string, string | readonly string[]>>;

async function placesFor(command: CommandName, values: Values, config?: string) {
  const args = new Map(Object.entries(values));
  const settings = loadSettings({ args, readPreset: (name) => ({ name, text: '' }) });
  return placesOf({ command, settings, config, locate: (path) => resolve(path) });
}

/** What is found to be wrong; empty where nothing is. */
async function refusal(command: CommandName, values: Values, config?: string): Promise<string> {
  const { inputs, outputs } = await placesFor(command, values, config);
  try {
    refuseOverlaps(inputs, outputs);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

/** Sets an option to a path; the record is its folder. */
function named(option: string, path: string): Values {
  return option === 'recordRoot'
    ? { recordRoot: join(path, '..'), saveFolderName: 'place' }
    : { [option]: path };
}

const pairs = commands.flatMap(({ name: command }) => {
  const places = options.flatMap(({ path, option }) => (option.place ? [{ path, ...option.place }] : []));
  const read = places.filter(({ readBy }) => readBy?.includes(command));
  const written = places.filter(({ writtenBy }) => writtenBy?.includes(command));
  return written.flatMap((output) =>
    read
      .filter(({ path }) => path !== output.path)
      .map((input) => [command, input.path, output.path] as const),
  );
});

describe('every option that is read against every one that is written', () => {
  it.each(pairs)('%s: %s and %s', async (command, input, output) => {
    const place = join(temporaryFolder(), 'place');
    writeFileSync(place, '');
    // what a command makes where it is missing is read where it is there
    const isMade = options.some(
      ({ path, option }) => path === output && option.place?.readBy?.includes(command),
    );
    const values = { ...named(input, place), ...named(output, place) };
    const found = await refusal(command, values);
    if (isMade) return expect(found).toBe('');
    const name = output === 'recordRoot' ? 'the record folder' : output;
    expect(found).toContain(`expected ${name} to lie apart from ${input}, found `);
  });
});

describe('places beside what an option names', () => {
  const folder = () => {
    const root = temporaryFolder();
    mkdirSync(join(root, 'data/cat'), { recursive: true });
    return root;
  };

  it('the configuration file, the state of a training, and the manifest of one file', async () => {
    const root = folder();
    const [config, source] = [join(root, 'record/run/config.yaml'), join(root, 'x.state.safetensors')];
    expect(await refusal('purify', { recordRoot: join(root, 'record') }, config)).toContain(
      'apart from --config',
    );
    const denoiser = { 'denoiser.path': join(root, 'x.safetensors'), 'denoiser.sources': [source] };
    expect(await refusal('train-denoiser', denoiser)).toContain('x.state.safetensors the same as');
    const output = {
      'output.path': join(root, 'x.tar'),
      'dataset.train': [join(root, 'x.tar.manifest.ndjson')],
    };
    expect(await refusal('purify', output)).toContain('x.tar.manifest.ndjson the same as');
  });

  it('a denoiser that is there is read, and one that is not is written', async () => {
    const root = folder();
    const path = join(root, 'record/run/denoiser.safetensors');
    const values = { recordRoot: join(root, 'record'), 'denoiser.path': path };
    expect(await refusal('purify', values)).toContain(
      'expected denoiser.path to lie apart from the record folder',
    );
    mkdirSync(join(root, 'record/run'), { recursive: true });
    writeFileSync(path, '');
    expect(await refusal('purify', values)).toContain(
      'expected the record folder to lie apart from denoiser.path',
    );
    expect(await refusal('transitions', values)).toBe('');
  });

  it('class folders that are links, patterns, and what they match', async () => {
    const root = folder();
    mkdirSync(join(root, 'out/cat'), { recursive: true });
    symlinkSync('../out/cat', join(root, 'data/dog'));
    const output = { 'output.path': join(root, 'out') };
    expect(await refusal('purify', { ...output, 'dataset.train': [join(root, 'data')] })).toContain(
      'out/cat',
    );
    expect(await refusal('purify', { ...output, 'dataset.train': [join(root, 'o*/*')] })).toContain('around');
    const later = { 'dataset.train': [join(root, 'data/*.tar')], 'output.path': join(root, 'data/pure.tar') };
    expect(await refusal('purify', later)).toContain('among');
    expect(await refusal('purify', { ...later, 'output.path': join(root, 'data/pure') })).toBe('');
  });
});

it('leaves what is in use today: a purified folder of its own, a stream, a state beside, and a second call', async () => {
  const root = temporaryFolder();
  const source = {
    'dataset.train': [join(root, 'a.ndjson'), '-', 'shapes:train'],
    recordRoot: join(root, 'record'),
  };
  for (const path of ['record/run/purified', 'out', 'out.tar', 'record/run-2', 'record/other/purified']) {
    const values = { ...source, 'output.path': join(root, path), 'state.path': join(root, 'state') };
    expect(await refusal('purify', values), path).toBe('');
  }
  const streams = { ...source, 'output.path': '-', 'detect.windows': 'fd:2' };
  expect(await refusal('purify', streams)).toBe('');
  // of another run, or of another command
  const other = join(root, 'record/other/models/observer.onnx');
  expect(await refusal('purify', { ...source, 'observer.path': other })).toBe('');
  expect(await refusal('train', { ...source, 'observer.path': other, 'output.path': other })).toBe('');
  for (const [name, path] of [
    ['state.path', 'record/run/state'],
    ['detect.windows', 'record/run/purified'],
    ['output.path', 'record/run/purified/more'],
    ['output.path', 'record'],
  ] as const) {
    expect(await refusal('purify', { ...source, [name]: join(root, path) }), path).toContain(
      'the record folder',
    );
  }
});
