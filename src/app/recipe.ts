// What makes an attack out of its options: those that are computed and those that are trained come by the same recipe.

import type { LabelMap } from '../attacks/label-map.ts';
import type { Attack } from '../attacks/poison.ts';
import type { DatasetInfo } from '../datasets/dataset.ts';
import type { SampleStore } from '../datasets/store/sample-store.ts';
import type { Pool } from '../workers/pool.ts';
import type { Context } from './context.ts';

/** What an attack does to images; what it does to labels is the same for all. */
export type Stamps = Omit<Attack, 'labels'>;

/** One attack: checks its options against the dataset, then gives what makes its stamps. */
export type Recipe = (
  context: Context,
  info: DatasetInfo,
  labels: LabelMap,
) => Promise<(pool: Pool, clean: () => Promise<SampleStore>) => Promise<Stamps>>;
