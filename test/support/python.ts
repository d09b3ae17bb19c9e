// Python as a second reader and writer of the formats, where the machine has one. Tests that need it skip visibly:
// `it.skipIf(!pythonHas('numpy'))`.

import { execFileSync, spawnSync } from 'node:child_process';

const PYTHON = '/usr/bin/python3';

/** Whether Python is there and can import these modules. */
export function pythonHas(...modules: string[]): boolean {
  return spawnSync(PYTHON, ['-c', `import ${['sys', ...modules].join(', ')}`]).status === 0;
}

/** What a program prints. @param args its `sys.argv[1:]` */
export function python(program: string, ...args: string[]): string {
  return execFileSync(PYTHON, ['-c', program, ...args], { encoding: 'utf8' });
}
