// A trigger that is laid over whole images and is the same in each (Blended, SIG, low-frequency patterns) can be taken
// off again: the mean of the raw images that carry it, less the mean of honest raw images of the same classes, is the
// trigger. What is left of an image is sharper than any purified one, and purification leaves most of a faint trigger
// (docs/experiments.md).

/** Adds images up until the difference of their means is asked for. */
export class OverlayEstimate {
  readonly #size: number;
  readonly #classes: number;
  readonly #honest: Float64Array;
  readonly #honestCounts: Float64Array;
  readonly #carrying: Float64Array;
  readonly #names: Float64Array;

  /** @param size values of an image: C × H × W */
  constructor(classes: number, size: number) {
    this.#size = size;
    this.#classes = classes;
    this.#honest = new Float64Array(classes * size);
    this.#honestCounts = new Float64Array(classes);
    this.#carrying = new Float64Array(size);
    this.#names = new Float64Array(classes);
  }

  /** Counts an image that does not carry the trigger. @param pixels uint8 [C, H, W] */
  addHonest(label: number, pixels: Uint8Array): void {
    addTo(this.#honest.subarray(label * this.#size, (label + 1) * this.#size), pixels);
    this.#honestCounts[label]! += 1;
  }

  /** Counts an image that carries it. @param name the label that it has without the trigger */
  addCarrier(name: number, pixels: Uint8Array): void {
    addTo(this.#carrying, pixels);
    this.#names[name]! += 1;
  }

  /** float32 [C, H, W] in 8-bit pixel values; undefined where a carrier's class has no honest image, or there is none. */
  pattern(): Float32Array | undefined {
    const carriers = this.#names.reduce((sum, count) => sum + count, 0);
    if (carriers === 0 || this.#names.some((count, c) => count > 0 && this.#honestCounts[c] === 0))
      return undefined;
    return Float32Array.from(this.#carrying, (sum, i) => {
      let usual = 0;
      for (let c = 0; c < this.#classes; c++) {
        if (this.#names[c]! > 0)
          usual += (this.#names[c]! * this.#honest[c * this.#size + i]!) / this.#honestCounts[c]!;
      }
      return (sum - usual) / carriers;
    });
  }
}

/** An image without the trigger. @param pixels uint8 [C, H, W] @returns uint8 [C, H, W] */
export function withoutOverlay(pixels: Uint8Array, pattern: Float32Array): Uint8Array {
  return Uint8Array.from(new Uint8ClampedArray(pattern.map((value, i) => pixels[i]! - value)));
}

function addTo(sums: Float64Array, pixels: Uint8Array): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += pixels[i]!;
}
