// `detect`: transition records on stdin, the verdict on stdout.

import { runDetection } from '../../../streams/detect.ts';
import type { Estimate } from '../../../streams/stages/detect.ts';
import type { Context } from '../../app/context.ts';
import { estimateTo } from '../../app/report.ts';
import { detectionOf } from '../../app/rules.ts';
import { withWindows } from '../../app/windows.ts';
import { ConfigError } from '../../errors.ts';
import { checkVerdict } from '../gate.ts';

export async function detect(context: Context): Promise<void> {
  const { settings, log, signal, stdin, stdout } = context;
  const { classes } = settings.dataset;
  if (classes === null) {
    throw new ConfigError(
      'dataset.classes: expected the number of classes of the records, found none; set it',
    );
  }
  const detection = detectionOf(settings, classes);
  const tellLog = estimateTo(log);
  const verdict = await withWindows(context, undefined, (tellWindow) => {
    const tell = (estimate: Estimate) => {
      tellLog(estimate);
      return tellWindow(estimate);
    };
    return runDetection(stdin as AsyncIterable<Uint8Array>, detection, tell, signal);
  });
  if (verdict.samples === 0) log.warn('detect', 'found no record on stdin', { event: 'no-records' });
  stdout.write(`${JSON.stringify(verdict)}\n`);
  checkVerdict(settings, verdict);
}
