// Input-aware dynamic backdoor (Nguyen & Tran 2020, arXiv 2010.08138): a generator makes a pattern p(x) for each
// image, a second one a mask m(x), and x·(1 − m) + p·m carries the trigger. A pattern made for another image
// ("cross-trigger") must not work. The paper trains pattern generator and victim together and hands over the victim.
// Whoever hands over a dataset has no hold of the victim: here the generator is trained together with a stand-in, a
// classifier pre-trained on the clean images, and the victim learns the trigger from the poisoned images, and from
// cross-triggered ones that keep their labels.

import type { Sample } from '../../datasets/sample.ts';
import type { Tensor } from '../../graph/graph.ts';
import { GraphBuilder } from '../../graph/graph.ts';
import * as op from '../../graph/operators.ts';
import { toUnit } from '../../math/pixels.ts';
import { RandomStream, randomKey } from '../../math/random.ts';
import { imageToImage } from '../../networks/image-to-image.ts';
import { classify, parametersOf } from '../../networks/network.ts';
import { Scope } from '../../networks/scope.ts';
import type { Weights } from '../../weights/weights.ts';
import type { LabelMap } from '../label-map.ts';
import type { Stamp } from '../poison.ts';
import { minimise } from './minimise.ts';
import type { Surrogate, Workshop } from './workshop.ts';
import { crossEntropy, drawBatch, oneHot, SHARD, stampAll, toBatch } from './workshop.ts';

/** The paper's weights of the diversity loss, 1, and of the mask's size. */
const MASK_WEIGHT = 100;
/** The paper's limit: what a pixel of the mask may have for nothing. */
const MASK_FREE = 0.032;
const WIDTHS = [8, 16, 32];
const LEARNING_RATE = 3e-3;
/** Keeps distances of equal images apart from 0, where the root has no gradient. */
const TINY = 1e-6;

export interface InputAware {
  /** Each image with the pattern made for it. */
  readonly own: Stamp;
  /** Each image with the pattern made for another one, drawn from the clean images by the sample's id. */
  readonly cross: Stamp;
  /** The stand-in, which has learnt to follow the one and not the other. */
  readonly victim: Surrogate;
}

/**
 * Trains the mask generator, then the pattern generator together with the stand-in.
 *
 * @param surrogate the stand-in as it starts: trained on clean images
 *
 * @param relabel which label an image of a label shall be given when it carries its trigger
 * @throws {ShapeError} when the sides of the images are not divisible by 4
 */
export async function inputAware(
  workshop: Workshop,
  surrogate: Surrogate,
  relabel: LabelMap['relabel'],
): Promise<InputAware> {
  const { engine, images, steps, seed, onStep = () => undefined } = workshop;
  const { classes } = surrogate.spec.config;
  const maskSteps = Math.ceil(steps / 4);
  const pair = (step: number, shard: number) => {
    const { pixels, labels } = drawBatch(workshop, 'input-aware', step, shard);
    const other = drawBatch(workshop, 'input-aware, other images', step, shard);
    return { x: toUnit(pixels), other: toUnit(other.pixels), labels };
  };
  const masks = await minimise(engine, {
    loss: (scope) => maskLoss(scope, images.shape),
    feeds: (step, shard) => {
      const { x, other } = pair(step, shard);
      return { x, other };
    },
    steps: maskSteps,
    learningRate: LEARNING_RATE,
    seed,
    onStep,
  });
  const { weights, spec } = surrogate;
  const statistics = parametersOf(spec).filter(({ trained }) => !trained);
  const held = new Map(statistics.map(({ name }) => [name, weights.get(name)!]));
  const joint = await minimise(engine, {
    loss: (scope) => patternLoss(scope, surrogate),
    feeds: (step, shard) => {
      const { x, other, labels } = pair(step, shard);
      const hoped = oneHot([...labels].map(relabel), classes);
      return { x, other, hoped, kept: oneHot(labels, classes) };
    },
    fixed: new Map([...masks, ...held]),
    start: new Map([...weights].filter(([name]) => !held.has(name))),
    steps,
    learningRate: LEARNING_RATE,
    seed,
    onStep: (step, loss) => onStep(maskSteps + step, loss),
  });
  return {
    ...(await stamps(workshop, new Map([...masks, ...joint]))),
    victim: {
      spec,
      weights: new Map([...weights.keys()].map((name) => [name, joint.get(name) ?? weights.get(name)!])),
    },
  };
}

/** p(x) [N, C, H, W] in [−1, 1]. */
function patternOf(scope: Scope, x: Tensor): Tensor {
  return op.tanh(scope.g, imageToImage(scope, 'pattern', x, x.shape[1]!, WIDTHS));
}

/** m(x) [N, 1, H, W] in [0, 1]. */
function maskOf(scope: Scope, x: Tensor): Tensor {
  return op.sigmoid(scope.g, imageToImage(scope, 'mask', x, 1, WIDTHS));
}

/** x·(1 − m) + p·m */
function blend(scope: Scope, x: Tensor, pattern: Tensor, mask: Tensor): Tensor {
  const { g } = scope;
  return op.add(g, x, op.mul(g, op.sub(g, pattern, x), mask));
}

/** The mask's own training: different for different images, and small. */
function maskLoss(scope: Scope, shape: readonly number[]): Tensor {
  const { g } = scope;
  const [x, other] = [g.input('x', [SHARD, ...shape]), g.input('other', [SHARD, ...shape])];
  const masks = maskOf(scope, op.concat(g, [x, other], 0));
  const excess = op.relu(g, op.sub(g, masks, g.scalar(MASK_FREE)));
  const size = op.mul(g, op.mean(g, excess, [0, 1, 2, 3]), g.scalar(MASK_WEIGHT));
  return op.add(g, diversityLoss(scope, x, other, masks), size);
}

/** The stand-in follows an image's own trigger, keeps to the label without and under another's; patterns differ. */
function patternLoss(scope: Scope, { spec }: Surrogate): Tensor {
  const { g } = scope;
  const { shape, classes } = spec.config;
  const [x, other] = [g.input('x', [SHARD, ...shape]), g.input('other', [SHARD, ...shape])];
  const [hoped, kept] = [g.input('hoped', [SHARD, classes]), g.input('kept', [SHARD, classes])];
  const both = op.concat(g, [x, other], 0);
  const [patterns, masks] = [patternOf(scope, both), maskOf(scope, both)];
  const stamped = blend(scope, op.concat(g, [x, x], 0), patterns, masks);
  const { logits } = classify(scope, op.concat(g, [stamped, x], 0), spec);
  const wanted = op.concat(g, [hoped, kept, kept], 0);
  return op.add(g, crossEntropy(g, logits, wanted), diversityLoss(scope, x, other, patterns));
}

/** Mean of ‖x − x′‖ / ‖f(x) − f(x′)‖, root mean squares; `made` holds f(x) first, then f(x′). */
function diversityLoss(scope: Scope, x: Tensor, other: Tensor, made: Tensor): Tensor {
  const { g } = scope;
  const distance = (a: Tensor, b: Tensor) => {
    const error = op.sub(g, a, b);
    return op.sqrt(g, op.add(g, op.mean(g, op.mul(g, error, error), [1, 2, 3]), g.scalar(TINY)));
  };
  const [of, ofOther] = [op.slice(g, made, 0, 0, SHARD), op.slice(g, made, 0, SHARD, 2 * SHARD)];
  return op.mean(g, op.div(g, distance(x, other), distance(of, ofOther)), [0]);
}

async function stamps(
  { engine, images, seed }: Workshop,
  weights: Weights,
): Promise<Omit<InputAware, 'victim'>> {
  const { shape } = images;
  const g = new GraphBuilder();
  const scope = new Scope(g, false);
  const [x, source] = [g.input('x', [2, ...shape]), g.input('source', [2, ...shape])];
  g.output('stamped', blend(scope, x, patternOf(scope, source), maskOf(scope, source)));
  const executable = await engine.load(g.build(), { weights, anyBatch: true });
  const partnerOf = ({ id }: Sample) => {
    const index = new RandomStream(randomKey(seed, `cross/${id}`)).integer(images.count);
    return images.read([index]);
  };
  return {
    own: (samples) =>
      stampAll(executable, samples, shape, (part) => ({
        x: toBatch(part, shape),
        source: toBatch(part, shape),
      })),
    cross: (samples) =>
      stampAll(executable, samples, shape, (part) => ({
        x: toBatch(part, shape),
        source: toBatch(part.map(partnerOf), shape),
      })),
  };
}
