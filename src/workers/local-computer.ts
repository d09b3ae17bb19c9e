// Computes work where it is: one engine, made once, with the models that it has loaded. Worker threads have one, or
// the process that computes in a thread's place.

import type { Engine } from '../runtime/executor.ts';
import type { ExecutionProvider } from '../runtime/onnx-engine.ts';
import { InferenceHost } from './inference-host.ts';
import { ModelCache } from './model-cache.ts';
import type { Work, WorkResults } from './protocol.ts';
import type { Computer } from './shared-training.ts';
import { TrainingHost } from './training-host.ts';

export class LocalComputer implements Computer {
  readonly #training: Promise<TrainingHost>;
  readonly #inference: Promise<InferenceHost>;

  /** @param engine one that does not start is reported by the work */
  constructor(engine: Promise<Engine>, provider: ExecutionProvider) {
    this.#training = engine.then((ready) => new TrainingHost(ready));
    this.#inference = engine.then((ready) => new InferenceHost(new ModelCache(ready, provider)));
    // until work comes, its failure must not end the thread
    void Promise.allSettled([this.#training, this.#inference]);
  }

  async compute<K extends Work['kind']>(work: Extract<Work, { kind: K }>): Promise<WorkResults[K]> {
    return (await this.#compute(work)) as WorkResults[K];
  }

  async #compute(work: Work): Promise<WorkResults[Work['kind']]> {
    switch (work.kind) {
      case 'gradient':
        return (await this.#training).gradient(work);
      case 'update':
        return (await this.#training).update(work);
      case 'classify':
        return (await this.#inference).classify(work);
      case 'diffuse':
        return (await this.#inference).diffuse(work);
      case 'observe':
        return (await this.#inference).observe(work);
      case 'restore':
        return (await this.#inference).restore(work);
      case 'choose':
        return (await this.#inference).choose(work);
      case 'compute':
        return (await this.#inference).compute(work);
    }
  }
}
