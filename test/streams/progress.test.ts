import { describe, expect, it } from 'vitest';
import { counted, type Progress } from '../../streams/progress.ts';
import { marbles } from './support/marbles.ts';

/** Reports of a stream drawn as a marble diagram, as short texts. */
function reportsOf(diagram: string, total?: number, unsubscribe?: string): string[] {
  const reports: string[] = [];
  const report = ({ stage, state, samples, total: all }: Progress) => {
    reports.push(`${stage} ${state} ${samples}/${all ?? '?'}`);
  };
  marbles(({ cold, expectObservable }) => {
    const source = cold(diagram).pipe(counted('write', report, () => total));
    const expected = unsubscribe ? diagram.slice(0, unsubscribe.length - 1) : diagram;
    expectObservable(source, unsubscribe).toBe(expected);
  });
  return reports;
}

describe('counted', () => {
  it('reports every item and the end', () => {
    expect(reportsOf('ab|', 2)).toEqual(['write running 1/2', 'write running 2/2', 'write done 2/2']);
  });

  it('leaves the total out where it is not known, and reports one item and none', () => {
    expect(reportsOf('a|')).toEqual(['write running 1/?', 'write done 1/?']);
    expect(reportsOf('-|', 0)).toEqual(['write done 0/0']);
  });

  it('reports no end of what failed, never ends or was given up', () => {
    expect(reportsOf('a#')).toEqual(['write running 1/?']);
    expect(reportsOf('a---')).toEqual(['write running 1/?']);
    expect(reportsOf('a---b', undefined, '---!')).toEqual(['write running 1/?']);
  });
});
