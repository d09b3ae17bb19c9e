// The trigger of a flagged class, as recovered from what purification removed: the mean residual of the samples that
// left the class, less the mean residual of honest samples, is the trigger itself. It says where images must be
// replaced, so that all the rest of a raw image can stay. This is not in the paper, which replaces whole images; a
// class of nothing but purified images trains a model that misses real ones.

import type { ImageShape } from '../../datasets/sample.ts';
import { membraneFill } from '../../math/membrane.ts';
import { contrastError, contrastOf, type ResidualSums, type Residuals } from '../evidence/residuals.ts';

/** Share of the largest difference, and standard errors, that a value must exceed to belong to the trigger. */
const MIN_SHARE = 0.25;
const MIN_ERRORS = 5;

/** What is known of one class's trigger. */
export interface Trigger {
  readonly label: number;
  /** float32 [C, H, W] in 8-bit pixel values: what purification takes from samples that left, beyond the usual. */
  readonly pattern: Float32Array;
  /** float32 [C, H, W] in 8-bit pixel values: standard deviation of what is taken, from image to image. */
  readonly spread: Float32Array;
  /** uint8 [H, W], 1 where images are replaced: where the pattern stands out in any channel, and one pixel around. */
  readonly mask: Uint8Array;
  /** Whether the mask is small and holds the most of the pattern: outside it raw images can stay as they are. */
  readonly local: boolean;
}

/** Share of an image that a local trigger's mask covers at most, and share of the pattern's energy that it holds at least. */
const MOST_LOCAL = 0.25;
const LEAST_ENERGY = 0.6;

/**
 * Finds the trigger of a flagged label; undefined where no pixel stands out, as with too few samples. It shows best in
 * the samples that left the label; a clean-label attack makes none leave, then it shows in the whole class.
 *
 * @param targets all flagged labels: their samples do not tell what is usual, unless there are no others
 */
export function locateTrigger(
  residuals: Residuals,
  label: number,
  targets: readonly number[],
  shape: ImageShape,
): Trigger | undefined {
  const usualExcept = (sums: (labels: readonly number[]) => ResidualSums) => {
    const others = sums(targets);
    return others.count > 0 ? others : sums([]);
  };
  const found = [
    triggerIn(
      label,
      residuals.moved(label),
      usualExcept((labels) => residuals.stayedExcept(labels)),
      shape,
    ),
    triggerIn(
      label,
      residuals.all(label),
      usualExcept((labels) => residuals.allExcept(labels)),
      shape,
    ),
  ];
  return found.find((trigger) => trigger?.local) ?? found.find((trigger) => trigger !== undefined);
}

function triggerIn(
  label: number,
  some: ResidualSums,
  usual: ResidualSums,
  shape: ImageShape,
): Trigger | undefined {
  if (some.count < 2 || usual.count < 2) return undefined;
  const pattern = contrastOf(some, usual);
  const core = coreOf(pattern, some, usual);
  if (!core.includes(1)) return undefined;
  const mask = widened(core, shape);
  const covered = mask.reduce((sum, value) => sum + value, 0);
  const energyIn = (inside: number) =>
    pattern.reduce((sum, value, i) => sum + (mask[i % mask.length] === inside ? value * value : 0), 0);
  const local =
    covered <= MOST_LOCAL * mask.length && energyIn(1) >= LEAST_ENERGY * (energyIn(0) + energyIn(1));
  const spread = Float32Array.from(some.sums, (sum, i) =>
    Math.sqrt(Math.max(0, some.squares[i]! / some.count - (sum / some.count) ** 2)),
  );
  return { label, pattern, spread, mask, local };
}

/**
 * How much of a local trigger stands in an image: what is under the mask, beyond a fill from around, along the trigger's
 * own pattern. About 0 without a trigger; with one, the more the more opaque it is.
 *
 * @param raw uint8 [C, H, W]
 */
export function triggerResponse(
  raw: Uint8Array,
  { pattern, mask }: Pick<Trigger, 'pattern' | 'mask'>,
  shape: ImageShape,
): number {
  const fill = membraneFill(raw, mask, shape);
  let [response, energy] = [0, 0];
  pattern.forEach((value, i) => {
    if (!mask[i % mask.length]) return;
    response += value * (raw[i]! - fill[i]!);
    energy += value * value;
  });
  return energy > 0 ? response / energy : 0;
}

/** The raw image with everything under the mask taken from the purified one; without a trigger, the purified one. */
export function replaceTrigger(
  raw: Uint8Array,
  purified: Uint8Array,
  trigger: Pick<Trigger, 'mask'> | undefined,
): Uint8Array {
  if (!trigger) return purified;
  const { mask } = trigger;
  return raw.map((value, i) => (mask[i % mask.length] ? purified[i]! : value));
}

/** uint8 [C, H, W], 1 where the pattern is significant. */
function coreOf(pattern: Float32Array, left: ResidualSums, honest: ResidualSums): Uint8Array {
  const largest = pattern.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return Uint8Array.from(pattern, (value, i) => {
    const least = Math.max(MIN_SHARE * largest, MIN_ERRORS * contrastError(left, honest, i));
    return Math.abs(value) > least ? 1 : 0;
  });
}

/** [C, H, W] to [H, W]: 1 wherever any channel has a 1 within one pixel. */
function widened(core: Uint8Array, [, height, width]: ImageShape): Uint8Array {
  const mask = new Uint8Array(height * width);
  for (const [i, inside] of core.entries()) {
    if (!inside) continue;
    const y = Math.floor(i / width) % height;
    const x = i % width;
    for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
      mask.fill(1, v * width + Math.max(0, x - 1), v * width + Math.min(width, x + 2));
    }
  }
  return mask;
}
