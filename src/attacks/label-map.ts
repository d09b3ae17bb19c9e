// What an attack does to labels: which samples it can use, what it calls them, and of what its rate is a share.
// All-to-all and clean-label attacks are other maps of the same kind.

import { ConfigError } from '../errors.ts';

export interface LabelMap {
  /** Whether samples of this label can be poisoned. */
  eligible(label: number): boolean;
  /** The label that a poisoned sample gets. */
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
  if (!(Number.isInteger(target) && target >= 0 && target < classes)) {
    throw new ConfigError(
      `expected a target label from 0 to ${classes - 1}, found ${target}; set attack.target`,
    );
  }
  const others = (label: number) => label !== target;
  return { eligible: others, relabel: () => target, rateOf: 'all', tests: others };
}
