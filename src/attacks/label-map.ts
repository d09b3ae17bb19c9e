// What an attack does to labels: which samples it can use, what it calls them, and of what its rate is a share.
// The three maps are those of the literature: all-to-one and all-to-all (Gu et al. 2017, arXiv 1708.06733), and
// clean-label, where only images of the target class are touched (Turner et al. 2019, arXiv 1912.02771).

import { ConfigError } from '../errors.ts';

export interface LabelMap {
  /** Whether samples of this label can be poisoned. */
  eligible(label: number): boolean;
  /** The label that a poisoned sample gets, and that the attacker hopes for in tests. */
  relabel(label: number): number;
  /** Whether the rate is a share of all samples, or of the eligible ones. */
  readonly rateOf: 'all' | 'eligible';
  /** Whether a test image of this label shows if the attack works. */
  tests(label: number): boolean;
}

/**
 * Everything that carries the trigger is called `target`. Samples of the target class are not used: with their
 * label unchanged they would be poisoned in name only.
 *
 * @throws {ConfigError} when the target is not in [0, classes)
 */
export function allToOne(target: number, classes: number): LabelMap {
  checkTarget(target, classes);
  const others = (label: number) => label !== target;
  return { eligible: others, relabel: () => target, rateOf: 'all', tests: others };
}

/** Everything that carries the trigger is called the class after its own, the last one the first. */
export function allToAll(classes: number): LabelMap {
  const all = () => true;
  return { eligible: all, relabel: (label) => (label + 1) % classes, rateOf: 'all', tests: all };
}

/**
 * Only samples of the target class are stamped, so that no label changes; the rate is a share of that class.
 * Tests are images of all other classes, of which the attacker hopes that they are called `target`.
 *
 * @throws {ConfigError} when the target is not in [0, classes)
 */
export function cleanLabel(target: number, classes: number): LabelMap {
  checkTarget(target, classes);
  return {
    eligible: (label) => label === target,
    relabel: () => target,
    rateOf: 'eligible',
    tests: (label) => label !== target,
  };
}

/** The three maps by name. */
export type LabelWay = 'all-to-one' | 'all-to-all' | 'clean-label';

/** @throws {ConfigError} when the target is not in [0, classes) and the map has one */
export function labelMap(way: LabelWay, target: number, classes: number): LabelMap {
  switch (way) {
    case 'all-to-one':
      return allToOne(target, classes);
    case 'all-to-all':
      return allToAll(classes);
    case 'clean-label':
      return cleanLabel(target, classes);
  }
}

function checkTarget(target: number, classes: number): void {
  if (Number.isInteger(target) && target >= 0 && target < classes) return;
  throw new ConfigError(
    `expected a target label from 0 to ${classes - 1}, found ${target}; set attack.target`,
  );
}
