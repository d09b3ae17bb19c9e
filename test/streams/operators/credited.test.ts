import { firstValueFrom, lastValueFrom, mergeMap, take, tap, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Credit, credited } from '../../../streams/operators/credited.ts';

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

/** Yields 0, 1, 2 … `end` − 1 and notes how far it was pulled and whether it was closed. */
function counter(end: number) {
  const seen = { pulled: 0, closed: false };
  async function* numbers() {
    try {
      for (; seen.pulled < end; ) yield seen.pulled++;
    } finally {
      seen.closed = true;
    }
  }
  return { seen, numbers: numbers() };
}

describe('Credit', () => {
  it('lets at most `limit` in and queues the others in order', async () => {
    const credit = new Credit(2);
    const entered: number[] = [];
    for (const id of [0, 1, 2, 3]) void credit.take().then(() => entered.push(id));
    await settled();
    expect([entered, credit.inFlight]).toEqual([[0, 1], 2]);
    credit.give();
    await settled();
    expect([entered, credit.inFlight]).toEqual([[0, 1, 2], 2]);
    for (let i = 0; i < 3; i++) credit.give();
    await settled();
    expect([entered, credit.inFlight]).toEqual([[0, 1, 2, 3], 0]);
  });

  it('refuses a limit below one and credit that nobody took', () => {
    expect(() => new Credit(0)).toThrow('expected a credit limit of at least 1, found 0');
    expect(() => new Credit(1).give()).toThrow('given back twice');
  });
});

describe('credited', () => {
  it('emits nothing of an empty source, and one of one', async () => {
    const credit = new Credit(3);
    expect(await lastValueFrom(credited(counter(0).numbers, credit).pipe(toArray()))).toEqual([]);
    expect(credit.inFlight).toBe(0);
    expect(await lastValueFrom(credited(counter(1).numbers, credit).pipe(toArray()))).toEqual([0]);
    expect(credit.inFlight).toBe(1);
  });

  it('pulls no further than the credit reaches, and goes on as it is given back', async () => {
    const { seen, numbers } = counter(10);
    const credit = new Credit(3);
    const got: number[] = [];
    const subscription = credited(numbers, credit).subscribe((value) => got.push(value));
    await settled();
    expect([got, seen.pulled]).toEqual([[0, 1, 2], 3]);
    credit.give();
    await settled();
    expect([got, seen.pulled]).toEqual([[0, 1, 2, 3], 4]);
    subscription.unsubscribe();
  });

  it('never has more than the limit in flight, whatever the work costs', async () => {
    const credit = new Credit(4);
    let inFlight = 0;
    let most = 0;
    const flow = credited(counter(200).numbers, credit).pipe(
      tap(() => {
        inFlight += 1;
        most = Math.max(most, inFlight);
      }),
      mergeMap(async (value) => {
        if (value % 3) await new Promise((resolve) => setImmediate(resolve));
        return value;
      }),
      tap(() => {
        inFlight -= 1;
        credit.give();
      }),
      toArray(),
    );
    const all = await lastValueFrom(flow);
    expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(most).toBe(4);
    expect(credit.inFlight).toBe(0);
  });

  it('pulls a synchronous source just so', async () => {
    const credit = new Credit(2);
    const flow = credited([7, 8, 9], credit).pipe(
      tap(() => credit.give()),
      toArray(),
    );
    expect(await lastValueFrom(flow)).toEqual([7, 8, 9]);
  });

  it('passes on an error of the source', async () => {
    const broken = (async function* () {
      yield 1;
      throw new Error('torn tape');
    })();
    await expect(lastValueFrom(credited(broken, new Credit(5)))).rejects.toThrow('torn tape');
  });

  it('closes a never-ending source when unsubscribed, from outside or by an operator downstream', async () => {
    const outside = counter(Number.POSITIVE_INFINITY);
    const subscription = credited(outside.numbers, new Credit(3)).subscribe();
    await settled();
    expect(outside.seen.closed).toBe(false);
    subscription.unsubscribe();
    await settled();
    expect(outside.seen).toEqual({ pulled: 3, closed: true });

    const downstream = counter(Number.POSITIVE_INFINITY);
    const credit = new Credit(100);
    expect(await lastValueFrom(credited(downstream.numbers, credit).pipe(take(2), toArray()))).toEqual([
      0, 1,
    ]);
    await settled();
    expect(downstream.seen).toEqual({ pulled: 2, closed: true });
  });

  it('does not pull again when unsubscribed while it waits for credit', async () => {
    const { seen, numbers } = counter(10);
    const credit = new Credit(1);
    const subscription = credited(numbers, credit).subscribe();
    await settled();
    subscription.unsubscribe();
    credit.give();
    await settled();
    expect([seen, credit.inFlight]).toEqual([{ pulled: 1, closed: true }, 0]);
  });

  it('lets two sources share one limit, one after the other', async () => {
    const credit = new Credit(2);
    const first = credited(counter(5).numbers, credit).pipe(tap(() => credit.give()));
    await lastValueFrom(first);
    expect(await firstValueFrom(credited(second(), credit))).toBe('second');
    expect(credit.inFlight).toBe(1);
  });
});

async function* second() {
  yield 'second';
}
