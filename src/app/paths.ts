// Where the files of the package are, and where the versions of what runs here are read. The same code runs from
// source and from dist/, so the package is found by walking up to its package.json.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../../config/schema.ts';

/** Names standard input as a source, and standard output as a sink. */
export const STANDARD = '-';

/** Folder of the package: the nearest one above this file that holds a package.json. */
export const packageRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)));

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  return findRoot(dirname(folder));
}

/**
 * Path of a file as a user names it: relative to the working folder, or, where there is none, among the files of
 * the package (`config/demo.yaml`, `models/…`). A file that is in neither place keeps its path in the working folder.
 */
export function locate(path: string, workingFolder: string): string {
  const here = resolve(workingFolder, path);
  if (isAbsolute(path) || existsSync(here)) return here;
  const bundled = join(packageRoot, path);
  return existsSync(bundled) ? bundled : here;
}

/** What is put behind the name of a dataset in one file makes that of its manifest. */
export const MANIFEST_ENDING = '.manifest.ndjson';

/** Absolute path of a source, or the pattern that it is: below `dataset.root` where it is relative. */
export function sourcePath(root: string, source: string, find: (path: string) => string): string {
  return find(isAbsolute(source) ? source : join(root, source));
}

/** Where the state of a denoiser's training stands, beside its weights. */
export function trainingStatePath(weights: string): string {
  return `${weights.replace(/\.safetensors$/, '')}.state.safetensors`;
}

/** Whether the purified dataset goes to stdout: where that is named, or stdin is read and nothing else is named. */
export function toStandardOutput({
  settings: { dataset, output },
}: {
  readonly settings: Pick<Settings, 'dataset' | 'output'>;
}): boolean {
  return output.path === STANDARD || (output.path === null && dataset.train.includes(STANDARD));
}

/** Versions of the program, of Node and of ONNX Runtime: what a result may depend on. */
export function versions(): { dataelixir: string; node: string; onnxruntime: string } {
  const require = createRequire(import.meta.url);
  return {
    dataelixir: readVersion(join(packageRoot, 'package.json')),
    node: process.versions.node,
    onnxruntime: readVersion(require.resolve('onnxruntime-node/package.json')),
  };
}

function readVersion(file: string): string {
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
