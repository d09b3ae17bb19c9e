import { expect, it } from 'vitest';
import { follow, type Look } from '../../streams/follow.ts';

const FOREVER = 1e9;

/** Follows something that looks so from moment to moment, and then ends. Tells at which looks it was passed over. */
async function passesOver(
  looks: readonly (Look | undefined)[],
  interval = 0,
  succeeds: (look: number) => boolean = () => true,
): Promise<number[]> {
  const control = new AbortController();
  const passes: number[] = [];
  let at = -1;
  const parts = {
    look: async () => {
      at += 1;
      if (at === looks.length) control.abort(new Error('seen enough'));
      return looks[at];
    },
    pass: async () => {
      passes.push(at);
      return succeeds(at);
    },
    pause: 0,
    interval,
  };
  await expect(follow(parts, control.signal)).rejects.toThrow('seen enough');
  return passes;
}

const settled = (version: string): Look => ({ version, settled: true });
const moving = (version: string): Look => ({ version, settled: false });

it('passes over what is new, once', async () => {
  const looks = [undefined, settled('a'), settled('a'), settled('b'), undefined, settled('b'), settled('a')];
  expect(await passesOver(looks)).toEqual([1, 3, 6]);
});

it('does nothing where nothing comes', async () => {
  expect(await passesOver([undefined, undefined])).toEqual([]);
});

it('waits for what is on its way, but only for so long', async () => {
  expect(await passesOver([moving('a'), moving('b'), settled('c')], FOREVER)).toEqual([2]);
  expect(await passesOver([moving('a'), moving('b')], 0)).toEqual([0, 1]);
});

it('leaves time between passes', async () => {
  expect(await passesOver([settled('a'), settled('b'), settled('c')], FOREVER)).toEqual([0]);
});

it('tries again what was not done', async () => {
  expect(await passesOver([settled('a'), settled('a'), settled('a')], 0, (look) => look === 1)).toEqual([
    0, 1,
  ]);
});

it('ends with what a look, a pass or the signal throws, also while it waits', async () => {
  const never = new AbortController();
  const look = async () => settled('a');
  const failing = async () => Promise.reject(new Error('disk full'));
  const pauses = { pause: FOREVER, interval: 0 };
  await expect(follow({ ...pauses, look, pass: failing }, never.signal)).rejects.toThrow('disk full');
  await expect(follow({ ...pauses, look: failing, pass: async () => true }, never.signal)).rejects.toThrow(
    'disk full',
  );
  const control = new AbortController();
  const waiting = follow({ ...pauses, look, pass: async () => true }, control.signal);
  setTimeout(() => control.abort(new Error('interrupted')), 10);
  await expect(waiting).rejects.toThrow('interrupted');
});
