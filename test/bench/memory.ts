// `npm run build && BENCH=memory npm run bench [-- SAMPLES…]`: resident memory of `purify -` between a producer that has the
// next sample ready and a consumer that reads 1 MB a second, on datasets of so many images of 8×8 (10,000 and 200,000
// unless others are named). Networks cost nothing, so that a run takes a minute or two. One JSON object on stdout:
// the peak in MiB by number of samples, and how much the last is above the first. Linux only.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { identitySamples, writeIdentityNetworks } from './identity.ts';

const SHAPE = [1, 8, 8] as const;
const PROGRAM = resolve('dist/src/cli/main.js');
const BYTES_A_SECOND = 1e6;
const CONFIG = `
denoiser: { path: denoiser.onnx }
observer: { path: observer.onnx }
logLevel: error
diffusion: { depth: 1, rounds: 1, steps: 1 }
classifier: { widths: [4], epochs: 1 }
`;

/** Reads no faster than the rate. @returns bytes read */
async function consume(stream: Readable): Promise<number> {
  const begin = performance.now();
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += (chunk as Buffer).length;
    const ahead = (1000 * bytes) / BYTES_A_SECOND - (performance.now() - begin);
    if (ahead > 0) await sleep(ahead);
  }
  return bytes;
}

/** MiB of a field of `/proc/PID/status`, such as VmRSS; undefined where the process is gone. */
function memoryOf(pid: number, field: string): number | undefined {
  try {
    const found = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return found ? Number(found[1]) / 1024 : undefined;
  } catch {
    return undefined;
  }
}

async function measure(folder: string, samples: number) {
  const args = ['purify', '-', '--config', 'config.yaml', '--save-folder-name', `${samples}`];
  const begin = performance.now();
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((done) => child.once('close', done));
  Readable.from(identitySamples(samples, SHAPE)).pipe(child.stdin);
  let peak = 0;
  const watch = setInterval(() => {
    peak = memoryOf(child.pid!, 'VmHWM') ?? peak;
  }, 50);
  const bytes = await consume(child.stdout);
  const code = await ended;
  clearInterval(watch);
  if (code !== 0) throw new Error(`expected exit code 0 with ${samples} samples, found ${code}`);
  return {
    samples,
    peakMiB: Math.round(peak),
    megabytes: bytes / 1e6,
    seconds: (performance.now() - begin) / 1000,
  };
}

const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [10_000, 200_000];
const folder = mkdtempSync(join(tmpdir(), 'dataelixir-memory-'));
try {
  writeIdentityNetworks(folder, SHAPE);
  writeFileSync(join(folder, 'config.yaml'), CONFIG);
  const runs = [];
  for (const samples of counts) runs.push(await measure(folder, samples));
  const growth = runs.at(-1)!.peakMiB / runs[0]!.peakMiB - 1;
  process.stdout.write(`${JSON.stringify({ runs, growth })}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
