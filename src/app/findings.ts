// What was found in a dataset, told and kept: the verdict, the pictures that show why, and the network that saw it.

import type { DatasetInfo } from '../datasets/dataset.ts';
import type { SampleStore } from '../datasets/store/sample-store.ts';
import type { Knowledge } from '../defense/repair/knowledge.ts';
import type { Verdict } from '../defense/verdict/verdict.ts';
import type { Context } from './context.ts';
import { writeEvidence } from './evidence.ts';
import { type Denoiser, type Observer, writeOnnx } from './models.ts';
import type { OpenRecord } from './record.ts';
import { verdictTo } from './report.ts';

/** What was looked at, with what, and where it is written down. */
export interface Looked {
  readonly open: Pick<OpenRecord, 'record'>;
  readonly info: DatasetInfo;
  readonly store: SampleStore;
  readonly observer: Observer['observer'];
  readonly denoiser: Denoiser;
}

/** Writes the verdict into the record, counts it and logs it. */
export function tellVerdict(
  { settings, log, tally }: Context,
  { open: { record }, denoiser }: Pick<Looked, 'open' | 'denoiser'>,
  verdict: Verdict,
): void {
  record.writeJson('verdict.json', verdict);
  tally?.judge(verdict);
  const brought = { observer: settings.observer.path !== null, denoiser: denoiser.model.kind === 'onnx' };
  verdictTo(log, brought)(verdict);
}

/** Puts the pictures that show why, and the observer, into the record. */
export async function keepFindings(
  { open: { record }, store, observer, info }: Looked,
  knowledge: Knowledge | undefined,
): Promise<void> {
  await record.remove('evidence');
  if (knowledge) await writeEvidence((name) => record.path('evidence', name), knowledge, store);
  await writeOnnx(record.path('models', 'observer.onnx'), observer, info);
}
