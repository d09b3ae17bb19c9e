import { describe, expect, it } from 'vitest';
import { Naming } from '../../../src/defense/repair/naming.ts';
import { fillNormal, randomKey } from '../../../src/math/random.ts';

const CLASSES = 6;
const OTHERS = [1, 2, 3, 4, 5];

/** Log-probabilities of an observer that sees a label in an image, more or less clearly. */
interface Seen {
  readonly given: number;
  readonly scores: readonly number[];
}

/** `a` samples of each class with their labels, and `b` of each but the first that are called 0. */
function dataset(a: number, b: number): { readonly honest: Seen[]; readonly poison: Seen[] } {
  let drawn = 0;
  const seen = (content: number, given: number): Seen => {
    const noise = new Float32Array(CLASSES);
    fillNormal(noise, randomKey(1, 'naming test'), drawn++, 0);
    const logits = Array.from(noise, (normal, label) => normal + (label === content ? 3 : 0));
    const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
    return { given, scores: logits.map((logit) => logit - total) };
  };
  const times = (count: number, content: number, given: number) =>
    Array.from({ length: count }, () => seen(content, given));
  return {
    honest: [0, ...OTHERS].flatMap((label) => times(a, label, label)),
    poison: OTHERS.flatMap((label) => times(b, label, 0)),
  };
}

function namingOf(seen: readonly Seen[], targets: readonly number[]): Naming {
  return new Naming(
    {
      classes: CLASSES,
      labels: Int32Array.from(seen, ({ given }) => given),
      scores: Float32Array.from(seen.flatMap(({ scores }) => scores)),
    },
    targets,
  );
}

/** Shares of the samples given 0 that show 0, that surely show another label, and of which nobody can be sure. */
function fate(naming: Naming, seen: readonly Seen[]) {
  const ofZero = seen.filter(({ given }) => given === 0);
  const share = (test: (seen: Seen) => boolean) => ofZero.filter(test).length / ofZero.length;
  const shown = share(({ scores }) => naming.nameOf(scores) === 0);
  const sure = share(({ scores }) => naming.nameOf(scores) !== 0 && naming.isSure(0, scores));
  return { shown, sure };
}

describe('Naming', () => {
  const { honest, poison } = dataset(300, 120);
  const all = [...honest, ...poison];

  it('is right about poison as often as it says, and says nothing for the given label', () => {
    const naming = namingOf(all, [0]);
    const named = poison.flatMap(({ scores }, n) => {
      const confidence = naming.confidenceOf(0, scores);
      if (naming.nameOf(scores) === 0) expect(confidence).toBe(0);
      const right = naming.nameOf(scores) === OTHERS[Math.floor(n / 120)];
      return confidence > 0 ? [{ confidence, right }] : [];
    });
    const mean = (some: typeof named) => some.reduce((sum, one) => sum + one.confidence / some.length, 0);
    const accuracy = (some: typeof named) => some.filter(({ right }) => right).length / some.length;
    expect(Math.abs(mean(named) - accuracy(named))).toBeLessThan(0.06);
    const doubted = named.filter(({ confidence }) => confidence < 0.7);
    expect(doubted.length).toBeGreaterThan(30);
    expect(Math.abs(mean(doubted) - accuracy(doubted))).toBeLessThan(0.15);
  });

  it('tells poison from honest samples that are mistaken', () => {
    const naming = namingOf(all, [0]);
    expect(fate(naming, poison).sure).toBeGreaterThan(0.85);
    expect(fate(naming, honest).sure).toBeLessThan(0.03);
    expect(fate(naming, honest).shown).toBeGreaterThan(0.9);
  });

  it('is calibrated without the poison, which would cost honest samples their label', () => {
    const [naive, informed] = [namingOf(all, []), namingOf(all, [0])];
    expect(fate(informed, honest).shown).toBeGreaterThan(fate(naive, honest).shown + 0.05);
  });

  it('is sure of nobody where as many come as leave', () => {
    expect(fate(namingOf(honest, [0]), honest).sure).toBeLessThan(0.01);
  });

  it('is sure of nobody who leaves a class that is not flagged, and of everybody who stays', () => {
    const naming = namingOf(all, []);
    expect(fate(naming, poison).sure).toBe(0);
    const stays = honest.find(({ given, scores }) => given === 0 && naming.nameOf(scores) === 0)!;
    expect(naming.isSure(0, stays.scores)).toBe(true);
  });

  it('is sure of the same samples, however many digits their scores have', () => {
    const rounded = all.map(({ given, scores }) => ({ given, scores: scores.map(Math.fround) }));
    const naming = namingOf(all, [0]);
    expect(all.map(({ scores }) => naming.isSure(0, scores))).toEqual(
      rounded.map(({ scores }) => naming.isSure(0, scores)),
    );
  });
});
