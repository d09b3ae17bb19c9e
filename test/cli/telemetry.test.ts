// What ONNX Runtime does beside computing: with a real process, in a home folder of its own.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectPath } from '../support/paths.ts';
import { dataelixir } from './program.ts';
import { tinySamples, writeTinyNetworks } from './tiny-networks.ts';

/** Where it sees one of these, ONNX Runtime keeps quiet anyway. */
const OF_JOBS = ['CI', 'TF_BUILD', 'GITHUB_ACTIONS', 'GITLAB_CI', 'JENKINS_URL', 'ORT_DISABLE_TELEMETRY'];

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-telemetry-'));
  await writeTinyNetworks(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Environment of a process that ONNX Runtime takes for a person's, with a home folder that is new. */
function atHome(name: string): { readonly home: string; readonly env: Record<string, string | undefined> } {
  const home = join(folder, name);
  mkdirSync(home);
  const places = { HOME: home, XDG_CACHE_HOME: home, XDG_DATA_HOME: home };
  return { home, env: { ...Object.fromEntries(OF_JOBS.map((job) => [job, undefined])), ...places } };
}

it('ONNX Runtime by itself leaves an identifier of the machine in the home folder', () => {
  const { home, env } = atHome('of-onnx-runtime');
  const program = `import ort from 'onnxruntime-node';
    await ort.InferenceSession.create(${JSON.stringify(projectPath('fixtures/weights/classifier.onnx'))});`;
  const ended = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: projectPath('.'),
    env: { ...process.env, ...env },
  });
  expect(ended.status).toBe(0);
  expect(readdirSync(home)).not.toEqual([]);
});

it('a run leaves none', async () => {
  const { home, env } = atHome('of-a-run');
  const args = ['purify', '-', '--config', 'config.yaml', '--observer-path', 'observer.onnx'];
  const { code } = await dataelixir(args, { cwd: folder, stdin: tinySamples(20), env });
  expect(code).toBe(0);
  expect(readdirSync(home)).toEqual([]);
});
