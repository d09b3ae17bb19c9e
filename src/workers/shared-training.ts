// Training tasks between shared memory and whoever computes: reads what the work needs, and writes what came of it.
// Native engines and other processes take no shared arrays, so numbers are handed over as they are.

import type { GradientTask, UpdateTask, Work, WorkResults } from './protocol.ts';
import { noted } from './shared-write.ts';

/** Computes work: in this thread, or in a process of its own. */
export interface Computer {
  compute<K extends Work['kind']>(work: Extract<Work, { kind: K }>): Promise<WorkResults[K]>;
}

const STATE_NAMES = { sgd: ['momentum'], adam: ['first', 'second', 'average'] } as const;

/** One shard's gradients, into the job's memory. @returns the loss */
export async function sharedGradient(
  computer: Computer,
  { job, shard, data }: GradientTask,
): Promise<number> {
  const { id, spec, shardSize, weights } = job;
  const layout = { id, spec, shardSize, names: weights.names, offsets: weights.offsets };
  const { loss, gradients } = await computer.compute<'gradient'>({
    kind: 'gradient',
    job: layout,
    weights: new Float32Array(weights.values),
    shard,
    data,
  });
  new Float32Array(job.gradients[shard]!).set(gradients);
  return loss;
}

/** The weights in [from, to), and their optimiser state, updated in the job's memory. */
export async function sharedUpdate(
  computer: Computer,
  { job, from, to, hyper, note }: UpdateTask,
): Promise<undefined> {
  const trained = from < job.trained;
  const part = (memory: SharedArrayBuffer) => new Float32Array(memory).subarray(from, to);
  const feeds: Record<string, Float32Array> = { hyper, weights: part(job.weights.values).slice() };
  job.gradients.forEach((memory, i) => {
    feeds[`gradient${i}`] = part(memory).slice();
  });
  const names = trained ? STATE_NAMES[job.rule] : [];
  names.forEach((name, i) => {
    feeds[name] = part(job.state[i]!).slice();
  });
  const rule = trained ? job.rule : 'average';
  const results = await computer.compute<'update'>({ kind: 'update', rule, shards: job.shards, feeds });
  noted(note, () => {
    part(job.weights.values).set(results.newWeights!);
    names.forEach((name, i) => {
      part(job.state[i]!).set(results[`new${name[0]!.toUpperCase()}${name.slice(1)}`]!);
    });
  });
}
