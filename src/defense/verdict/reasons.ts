// Why a class is neither clean nor a target: a code for programs and words for people. Whoever reads `undecided` wants to
// know what to change: more samples, a better observer, another denoiser, or nothing, because nobody can tell.

export const REASONS = {
  'no-samples': 'it has no samples',
  'few-samples': 'it has too few samples',
  'no-other-class': 'there is no other class to compare it with',
  'observer-at-chance': 'the observer agrees with the given labels hardly more often than by chance',
  'class-unknown': 'the observer does not know the class',
  'purified-unknown': 'the observer does not know purified images of the other classes',
  'washed-out': 'hardly any purified image is seen as the class',
  'canaries-missed': 'purification does not even send home the triggers that were planted as a check',
  'own-look':
    "what purification removes from it works like a trigger, but cannot be told from the class's own look",
  'triggers-unlearned':
    'the observer has not learned the triggers that were planted as a check: train it longer',
  'no-power': 'not even poison of half of the class would have shown',
  doubt: 'there are signs of poison, but too weak to accuse it',
} as const;

/** Code of a reason; `verdict.json` holds it. */
export type Reason = keyof typeof REASONS;

/** The reasons in words, as one phrase. */
export function reasonsInWords(reasons: readonly Reason[]): string {
  return reasons.map((reason) => REASONS[reason]).join('; ');
}
