// The pages that people read. Each begins with an example, and that is run here as it stands, in a folder of its own
// with small data and networks: what users copy first has to work.

import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawShape } from '../../src/datasets/formats/shapes/drawn-shapes.ts';
import { openWriter } from '../../src/index.ts';
import { SOURCE } from '../cli/program.ts';
import { projectPath } from '../support/paths.ts';
import { writeTinyModels } from '../support/tiny-models.ts';

const root = projectPath('.');
const textOf = (page: string) => readFileSync(join(root, page), 'utf8');

/** Pages that programs write. */
const GENERATED = ['docs/results.md', 'docs/worlds.md'];

/** Little work: what the examples leave to the defaults. */
const SMALL = {
  WORKERS: '1',
  CLASSIFIER_WIDTHS: '4,8',
  CLASSIFIER_EPOCHS: '1',
  CLASSIFIER_BATCH: '20',
  DIFFUSION_ROUNDS: '1',
  DIFFUSION_STEPS: '1',
  DENOISER_STEPS: '1',
  DENOISER_CHANNELS: '8',
  DENOISER_MULTIPLIERS: '1,2',
  DENOISER_BATCH: '2',
  DATASET_LIMIT: '60',
  DATASET_TEST_LIMIT: '20',
};

let data: string;
beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'dataelixir-pages-'));
  const folders = { suspected: 20, photos: 20, images: 20, 'other-images': 20, 'new-images': 5 };
  for (const [name, count] of Object.entries(folders)) {
    const options = { format: 'class-folders', classes: 10, shape: [3, 32, 32] } as const;
    const writer = await openWriter(join(data, name), options);
    const first = name === 'new-images' ? 100 : 0;
    for (let i = first; i < first + count; i++) await writer.write(drawShape('train', i));
    await writer.close();
    // as somebody's own folders are
    rmSync(join(data, name, 'dataset.json'));
  }
  const options = { format: 'ndjson', classes: 10, shape: [3, 32, 32] } as const;
  const lines = await openWriter(join(data, 'suspected.ndjson'), options);
  for (let i = 0; i < 20; i++) await lines.write(drawShape('train', i));
  await lines.close();
  const { observer } = await writeTinyModels(data);
  cpSync(observer, join(data, 'classifier.onnx'));
});
afterAll(() => rmSync(data, { recursive: true }));

/** The first block of code of a page, after a heading where one is named. */
function example(page: string, heading = ''): { readonly language: string; readonly code: string } {
  const text = textOf(page);
  const found = /^```(\w+)\n(.*?)^```$/ms.exec(text.slice(text.indexOf(heading)));
  return { language: found?.[1] ?? '', code: found?.[2] ?? '' };
}

/** A folder with the data, in which `npx dataelixir` is this project's source and `dataelixir` can be imported. */
function prepared(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dataelixir-page-'));
  cpSync(data, folder, { recursive: true });
  mkdirSync(join(folder, 'bin'));
  const program = [process.execPath, ...SOURCE].map((part) => `'${part}'`).join(' ');
  writeFileSync(
    join(folder, 'bin/npx'),
    `#!/bin/sh\n[ "$1" = dataelixir ] || exit 127\nshift\nexec ${program} "$@"\n`,
  );
  chmodSync(join(folder, 'bin/npx'), 0o755);
  const installed = join(folder, 'node_modules/dataelixir');
  mkdirSync(installed, { recursive: true });
  const manifest = { name: 'dataelixir', type: 'module', exports: './index.ts' };
  writeFileSync(join(installed, 'package.json'), JSON.stringify(manifest));
  writeFileSync(
    join(installed, 'index.ts'),
    readFileSync(join(root, 'src/index.ts'), 'utf8').replaceAll(/'\.\.?\//g, (start) =>
      start === "'../" ? `'${root}/` : `'${join(root, 'src')}/`,
    ),
  );
  symlinkSync(join(root, 'node_modules/rxjs'), join(folder, 'node_modules/rxjs'));
  return folder;
}

/** Settings that a program has no environment for. */
const LITTLE = `settings: { workers: 1, classifier: { widths: [4], epochs: 1, batch: 20 }, diffusion: { rounds: 1, steps: 1 } }`;

async function ran({ language, code }: ReturnType<typeof example>) {
  const folder = prepared();
  if (code.includes('train-denoiser')) rmSync(join(folder, 'denoiser.safetensors'));
  try {
    const env = Object.fromEntries(
      Object.entries(SMALL).map(([name, value]) => [`DATAELIXIR_${name}`, value]),
    );
    const args = language === 'js' ? ['--import', SOURCE[1]!, 'example.mjs'] : ['-e', '-c', code];
    if (language === 'js') {
      const small = code.replace("denoiser: 'denoiser.safetensors'", (text) => `${text}, ${LITTLE}`);
      writeFileSync(join(folder, 'example.mjs'), small);
    }
    const child = spawn(language === 'js' ? process.execPath : 'sh', args, {
      cwd: folder,
      env: { ...process.env, ...env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
    });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text) => {
        output[name] += text;
      });
    }
    const status = await new Promise<number | null>((done, failed) => {
      child.on('error', failed);
      child.on('close', done);
    });
    return { code: status, ...output };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the example of each page prints; those that take longest first. */
const PRINTS: Readonly<Record<string, RegExp>> = {
  'docs/growing.md': /"runs":2,.*"candidates":25,/,
  'docs/models.md': /^\{"targetLabels":\[.*"canaries":.*\}\n$/,
  'docs/attacks.md': /^\{"id":".+","poisoned":true,"trueLabel":\d\}\n$/,
  'docs/experiments.md':
    /^model +accuracy +attack success\nclean .*\nbackdoored .*\ndefended .*\n\nflagged labels/,
  'docs/formats.md': /^\{"id":".+\/.+","given":\d,"label":\d,"image":"raw","rule":"unflagged",.*\}\n$/,
  'docs/library.md': /^targets: \[\]\n(.+ \d unflagged\n){20}20 samples, a clean model of \d+ bytes\n$/,
  'docs/logs.md': /"event":"verdict"/,
  'docs/method.md': /^\{"targetLabels":\[.*\],"classes":\[.*\}\n$/,
  'docs/operations.md': /^ended with 0\n$/,
  'docs/pipes.md': / 20 suspected\.ndjson\n +20 purified\.ndjson\n/,
};

describe('examples', () => {
  it.concurrent.each(Object.entries(PRINTS))('the first of %s runs', async (page, prints) => {
    const { code, stdout, stderr } = await ran(example(page));
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(prints);
  });

  it.concurrent('that of the README for your own data runs', async () => {
    const { code, stdout, stderr } = await ran(example('README.md', '## Your own data'));
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^(\{"id":".+","given":\d,.*\}\n){3}$/);
  });

  it('stand first on every page, and are run', () => {
    const names = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
    const pages = names.map((name) => `docs/${name}`).filter((page) => !GENERATED.includes(page));
    expect(Object.keys(PRINTS).sort()).toEqual(pages.sort());
    for (const page of Object.keys(PRINTS)) expect(textOf(page)).toMatch(/^# .+\n\n```(sh|js)\n/);
  });
});
