// Marble tests in virtual time: diagrams in, diagrams out, compared with vitest.

import { TestScheduler } from 'rxjs/testing';
import { expect } from 'vitest';

/** Runs `test` with the helpers of RxJS's TestScheduler (cold, hot, expectObservable, expectSubscriptions). */
export function marbles(test: Parameters<TestScheduler['run']>[0]): void {
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(test);
}
