// `detect`: transition records on stdin, the verdict on stdout.

import { runDetection } from '../../../streams/detect.ts';
import { ConfigError } from '../../errors.ts';
import type { Context } from '../commands.ts';
import { checkVerdict } from '../gate.ts';
import { estimateTo } from '../report.ts';
import { detectionOf } from '../rules.ts';

export async function detect({ settings, log, signal, stdin, stdout }: Context): Promise<void> {
  const { classes } = settings.dataset;
  if (classes === null) {
    throw new ConfigError(
      'dataset.classes: expected the number of classes of the records, found none; set it',
    );
  }
  const detection = detectionOf(settings, classes);
  const verdict = await runDetection(stdin as AsyncIterable<Uint8Array>, detection, estimateTo(log), signal);
  if (verdict.samples === 0) log.warn('detect', 'found no record on stdin');
  stdout.write(`${JSON.stringify(verdict)}\n`);
  checkVerdict(settings, verdict);
}
