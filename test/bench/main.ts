// `npm run bench`: how near the compute side comes to the matrix product of the same runtime, how two workers
// compare with one, and what a purification costs outside its networks. One JSON object on stdout, a line each
// on stderr. Needs a quiet machine of two cores; about four minutes.

import { OnnxEngine } from '../../src/runtime/onnx-engine.ts';
import { gemmRate } from './measure.ts';
import { forwardRate, preActResNetStepRate, smallCnnStepRate, smallUnetStepRate } from './networks.ts';
import { outsideShare, workerSpeedup } from './purification.ts';

const engine = new OnnxEngine();
const results: Record<string, number> = {};

/** Measures beside the matrix product: before and after, so that a machine that changes its speed shows. */
async function relative(name: string, measure: () => Promise<number>): Promise<void> {
  const before = await gemmRate(engine);
  const rate = await measure();
  const gemm = (before + (await gemmRate(engine))) / 2;
  results[name] = rate / gemm;
  report(`${name}: ${giga(rate)}, ${(100 * results[name]).toFixed(0)} % of GEMM (${giga(gemm)})`);
}

function giga(rate: number): string {
  return `${(rate / 1e9).toFixed(0)} GFLOP/s`;
}

function report(line: string): void {
  process.stderr.write(`${line}\n`);
}

await relative('unetForward', () => forwardRate(engine));
await relative('preActResNetStep', preActResNetStepRate);
await relative('smallCnnStep', smallCnnStepRate);
await relative('smallUnetStep', smallUnetStepRate);
results.twoWorkers = await workerSpeedup();
report(`twoWorkers: ${results.twoWorkers.toFixed(2)} × one`);
results.outsideNetworks = await outsideShare(engine);
report(`outsideNetworks: ${(100 * results.outsideNetworks).toFixed(1)} % of a purification`);
process.stdout.write(`${JSON.stringify(results)}\n`);
