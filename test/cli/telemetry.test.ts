// What ONNX Runtime does beside computing: with a real process, in a home folder of its own.

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataelixir } from './program.ts';
import { tinySamples, writeTinyNetworks } from './tiny-networks.ts';

/** Where it sees one of these, ONNX Runtime keeps quiet anyway. */
const OF_JOBS = ['CI', 'TF_BUILD', 'GITHUB_ACTIONS', 'GITLAB_CI', 'JENKINS_URL', 'ORT_DISABLE_TELEMETRY'];

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dataelixir-telemetry-'));
  mkdirSync(join(folder, 'home'));
  await writeTinyNetworks(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a run', () => {
  it('leaves no identifier of the machine in the home folder, as ONNX Runtime would', async () => {
    const home = join(folder, 'home');
    const { code } = await dataelixir(
      ['purify', '-', '--config', 'config.yaml', '--observer-path', 'observer.onnx'],
      {
        cwd: folder,
        stdin: tinySamples(20),
        env: {
          ...Object.fromEntries(OF_JOBS.map((name) => [name, undefined])),
          ...{ HOME: home, XDG_CACHE_HOME: home, XDG_DATA_HOME: home },
        },
      },
    );
    expect(code).toBe(0);
    expect(readdirSync(home)).toEqual([]);
  });
});
