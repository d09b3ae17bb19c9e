import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import type { Context } from '../../src/app/context.ts';
import { reachOf } from '../../src/app/datasets.ts';

test('the folder that paths may lead into is one that is there', () => {
  const reach = (paths: string | null) => reachOf({ settings: { dataset: { paths } } } as unknown as Context);
  expect(reach(null)).toEqual({});
  expect(reach('test')).toEqual({ paths: resolve('test') });
  for (const none of ['nowhere', 'package.json']) {
    expect(() => reach(none)).toThrow(/^dataset\.paths: expected a folder, found none at/);
  }
});
