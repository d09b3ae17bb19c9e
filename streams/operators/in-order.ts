// Concurrent work whose results come out in the order of the input. RxJS has either order (`concatMap`, one at a
// time) or concurrency (`mergeMap`, in order of completion); a deterministic pipeline on several workers needs both.

import { defer, from, map, mergeMap, type ObservableInput, type OperatorFunction } from 'rxjs';

interface Numbered<R> {
  readonly index: number;
  readonly result: R;
}

/**
 * Projects each item, at most `concurrency` at a time, and emits the results in input order. A result that is
 * early waits for those before it, so up to the number of items in flight may be held: bound them with credit.
 *
 * @param project must emit exactly one value an item; an error ends the stream
 */
export function inOrder<T, R>(
  concurrency: number,
  project: (item: T) => ObservableInput<R>,
): OperatorFunction<T, R> {
  return (source) =>
    defer(() => {
      const early = new Map<number, R>();
      let next = 0;
      const release = ({ index, result }: Numbered<R>): readonly R[] => {
        early.set(index, result);
        const ready: R[] = [];
        for (; early.has(next); next++) {
          ready.push(early.get(next) as R);
          early.delete(next);
        }
        return ready;
      };
      return source.pipe(
        mergeMap(
          (item, index) => from(project(item)).pipe(map((result) => ({ index, result }))),
          concurrency,
        ),
        mergeMap(release),
      );
    });
}
