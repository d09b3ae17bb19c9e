// Every configuration of the package says what it claims to: it loads, and its attack, labels and dataset are those
// of its folder and its name.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../config/load.ts';
import type { Settings } from '../../config/schema.ts';

const readPreset = (name: string) => ({ name, text: readFileSync(`config/${name}.yaml`, 'utf8') });
const files = readdirSync('config', { recursive: true, encoding: 'utf8' }).filter((name) =>
  /\.yaml$/.test(name),
);
const load = (path: string): Settings =>
  loadSettings({ file: { name: path, text: readFileSync(join('config', path), 'utf8') }, readPreset });

it.each(files)('config/%s loads', (path) => {
  expect(load(path).recordRoot).toBe('record');
});

const experiments = files.filter((path) => dirname(path) !== '.');

describe.each(experiments)('config/%s', (path) => {
  const [folder, dataset] = [dirname(path), basename(path, '.yaml')];
  const settings = load(path);

  it('attacks as its folder says', () => {
    const { name, labels } = settings.attack;
    expect(labels === 'all-to-all' ? labels : name).toBe(folder);
    expect(settings.saveFolderName).toBe(`${folder}-${dataset}`);
  });

  it('keeps the denoiser away from the dataset', () => {
    expect(settings.dataset.name).toBe(dataset);
    const images = dataset === 'gtsrb' ? 'cifar10' : dataset;
    expect(settings.denoiser.path).toBe(`models/${images}.safetensors`);
    const { train, offset, limit } = settings.dataset;
    if (!settings.denoiser.sources.some((source) => train.includes(source))) return;
    expect(settings.denoiser.offset).toBeGreaterThanOrEqual(offset + limit!);
  });
});

it('denoisers of one dataset are trained alike', () => {
  const trained = new Map<string, unknown>();
  for (const { dataset, denoiser } of experiments.map(load)) {
    expect(denoiser).toEqual(trained.get(dataset.name!) ?? denoiser);
    trained.set(dataset.name!, denoiser);
  }
});
