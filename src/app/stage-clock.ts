// The clock of a run's stages, for those who want to know where its time went.

/** Seconds by stage; times of one name add up. */
export class StageClock {
  readonly #milliseconds = new Map<string, number>();
  #lap = performance.now();

  /** Times `work`. */
  async time<T>(stage: string, work: () => Promise<T>): Promise<T> {
    this.start();
    const result = await work();
    this.lap(stage);
    return result;
  }

  /** Begins a lap. */
  start(): void {
    this.#lap = performance.now();
  }

  /** Gives the time since the last lap to `stage`. */
  lap(stage: string): void {
    const now = performance.now();
    this.#milliseconds.set(stage, (this.#milliseconds.get(stage) ?? 0) + now - this.#lap);
    this.#lap = now;
  }

  get seconds(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#milliseconds].map(([stage, ms]) => [stage, Math.round(ms) / 1000]));
  }
}
