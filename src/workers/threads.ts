// How threads of this project start: from source through tsx, or from what was built, and with little room for what a
// task leaves behind.

/** True when this file runs as TypeScript, through tsx or vitest: then the threads must, too. */
const FROM_SOURCE = import.meta.url.endsWith('.ts');

/**
 * V8 lets the space for new objects grow up to 48 MiB a thread, so memory would rise for as long as a stream runs.
 * What a task leaves behind is garbage at its end: a small space, emptied more often, serves as well.
 */
const YOUNG_GENERATION_MIB = 12;

/** The same for a process, whose option is for one of the three parts of that space. */
export const SEMI_SPACE_MIB = YOUNG_GENERATION_MIB / 3;

/** The module of a thread or a process, by its file name without extension. */
export function moduleOf(name: string): URL {
  return new URL(`./${name}.${FROM_SOURCE ? 'ts' : 'js'}`, import.meta.url);
}

/** Options of Piscina for threads that run a module. */
export function threadOptions(module: URL) {
  return {
    filename: module.href,
    execArgv: FROM_SOURCE ? ['--import', registerTsx()] : [],
    concurrentTasksPerWorker: 1,
    atomics: 'disabled',
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
  } as const;
}

/** A module that lets a worker thread import TypeScript; `--import tsx` leaves out what it imports later. */
function registerTsx(): string {
  const api = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  return `data:text/javascript,${encodeURIComponent(`import { register } from ${api}; register();`)}`;
}
