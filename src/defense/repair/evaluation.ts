// How good a repair was, where the ground truth is known: accuracies of models and of decisions, as counts that
// add up over a stream. A rate of nothing is undefined, never a division by zero.

/** A share that grows as a stream flows. */
export class Rate {
  #hits = 0;
  #total = 0;

  add(hit: boolean): void {
    this.#total++;
    if (hit) this.#hits++;
  }

  /** Fraction in [0, 1]; undefined before anything was added. */
  get value(): number | undefined {
    return this.#total === 0 ? undefined : this.#hits / this.#total;
  }
}

/** One sample after the repair, beside the truth. */
export interface JudgedSample {
  readonly poisoned: boolean;
  /** Whether the repair treated it as poisoned: it left with another label, or not at all. */
  readonly accused: boolean;
  /** Label it left with; undefined when it was dropped. */
  readonly label: number | undefined;
  /** Label it had before the attack. */
  readonly trueLabel: number;
}

/** `metrics.json`'s detection figures; a key is absent where nothing was there to count. */
export interface DetectionFigures {
  /** Share of the poisoned samples that were accused. */
  readonly tpr?: number;
  /** Share of the other samples that were accused. */
  readonly fpr?: number;
  /** Share of the poisoned samples that left with a new label that left with their true one. */
  readonly labelAccuracy?: number;
}

/** Counts the decisions on a stream of samples with known truth. */
export class DetectionTally {
  readonly #truePositives = new Rate();
  readonly #falsePositives = new Rate();
  readonly #trueLabels = new Rate();

  add({ poisoned, accused, label, trueLabel }: JudgedSample): void {
    (poisoned ? this.#truePositives : this.#falsePositives).add(accused);
    if (poisoned && accused && label !== undefined) this.#trueLabels.add(label === trueLabel);
  }

  figures(): DetectionFigures {
    const [tpr, fpr] = [this.#truePositives.value, this.#falsePositives.value];
    const labelAccuracy = this.#trueLabels.value;
    return {
      ...(tpr === undefined ? {} : { tpr }),
      ...(fpr === undefined ? {} : { fpr }),
      ...(labelAccuracy === undefined ? {} : { labelAccuracy }),
    };
  }
}
