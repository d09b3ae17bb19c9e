import { expect, it } from 'vitest';
import { didYouMean, editDistance, nearest } from '../../config/nearest.ts';

it('counts edits', () => {
  expect(editDistance('kitten', 'sitting')).toBe(3);
  expect(editDistance('', 'abc')).toBe(3);
  expect(editDistance('abc', 'abc')).toBe(0);
});

it('suggests what is near and nothing else', () => {
  expect(nearest('purfy', ['poison', 'purify'])).toBe('purify');
  expect(nearest('xyz', ['poison', 'purify'])).toBeUndefined();
  expect(didYouMean('xyz', ['purify'])).toContain('--help');
});
