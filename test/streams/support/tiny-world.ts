// A small poisoned dataset for the tiny runner, read from memory as a reader would yield it, in a folder of its
// own on disk.

import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReadResult, Sample } from '../../../src/datasets/sample.ts';
import { SampleStore } from '../../../src/datasets/store/sample-store.ts';
import { type Detector, verdictOf } from '../../../src/defense/verdict/verdict.ts';
import type { Detection } from '../../../streams/stages/detect.ts';
import { CLASSES, numberOf, sampleOf, TARGET } from './tiny-runner.ts';

/** `count` samples of all classes in turn; about every fifth one of another class carries trigger and target label. */
export function poisoned(count: number): Sample[] {
  return Array.from({ length: count }, (_, i) => {
    const id = `s${i}`;
    const classIndex = i % CLASSES;
    const trigger = classIndex !== TARGET && numberOf(`poison ${id}`) % 5 === 0;
    return sampleOf(id, trigger ? TARGET : classIndex, classIndex, trigger);
  });
}

export async function* readResults(samples: Iterable<Sample>): AsyncGenerator<ReadResult> {
  for (const sample of samples) yield { ok: true, sample };
}

/** Flags labels of which more than half of the moved images landed elsewhere, and that lost at least three samples. */
const majorityDetector: Detector = (table) =>
  verdictOf(table, (label) => {
    const row = table.kept[label] ?? {};
    const all = Object.values(row).reduce((sum, count) => sum + count, 0);
    const metric = all === 0 ? null : 1 - (row[label] ?? 0) / all;
    return {
      metric,
      score: metric,
      state: table.moved[label]! >= 3 && (metric ?? 0) > 0.5 ? 'target' : 'clean',
    };
  });

export const detection: Detection = { classes: CLASSES, minority: 2, detector: majorityDetector, window: 25 };

/** A folder that is removed with `dispose`, and a store in it. */
export class Scratch {
  readonly folder = mkdtempSync(join(tmpdir(), 'streams-'));
  readonly store = new SampleStore(join(this.folder, 'raw'), [1, 2, 2]);

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Values of a file of JSON lines. */
  records<T>(name: string): T[] {
    const text = readFileSync(this.path(name), 'utf8');
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  /** Files in the folder that this process holds open, apart from those of the store; Linux only. */
  openFiles(): string[] {
    const links = readdirSync('/proc/self/fd').flatMap((fd) => {
      const link = targetOf(`/proc/self/fd/${fd}`);
      return link?.startsWith(this.folder) ? [link] : [];
    });
    return links.filter((link) => !/\.(samples|ids|origins|places)$/.test(link));
  }

  dispose(): void {
    this.store.dispose();
    rmSync(this.folder, { recursive: true });
  }
}

/** Where a link points to; undefined where it vanished meanwhile. */
function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
