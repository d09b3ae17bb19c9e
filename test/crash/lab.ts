// A folder in which one scenario is played again and again, always at the same path, because states know theirs: what was
// there before is put back each time. It runs the program, plays the consumer of what that prints, and takes down what
// is there in the end.

import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { isWorkName } from '../../src/files/work-folder.ts';
import { State } from '../../src/state/state.ts';
import { writeTinyNetworks } from '../cli/tiny-networks.ts';
import { type ChildOptions, type End, runChild } from './child.ts';

const PRELOAD = ['--import', import.meta.resolve('./killed.mjs')];
/** What runs print, a file each: what one that was killed left of a line is nobody's. */
const TOLD = 'told';
/** Seconds, versions and words are of one run only. */
const OF_ONE_RUN = /(^|\/)(metrics\.json|config\.yaml|log\.txt)$/;
const CORRECTIONS = /(^|\/)corrections\.ndjson$/;

type Life = Pick<ChildOptions, 'kill' | 'heard'> & { readonly step?: number | undefined };

export class Lab {
  readonly #base = mkdtempSync(join(tmpdir(), 'dataelixir-kills-'));
  readonly root = join(this.#base, 'lab');
  readonly #entry: readonly string[];

  /** @param entry how Node runs the program */
  constructor(entry: readonly string[]) {
    this.#entry = entry;
    mkdirSync(join(this.root, TOLD), { recursive: true });
  }

  at(...parts: readonly string[]): string {
    return join(this.root, ...parts);
  }

  /** Networks that take no time, with a rule that flags much. */
  async furnish(): Promise<void> {
    await writeTinyNetworks(this.root);
    const path = this.at('config.yaml');
    const config = readFileSync(path, 'utf8').replace(
      'detect: {',
      'detect: { threshold: 0, sides: two-sided,',
    );
    writeFileSync(path, config);
  }

  /** From now on this is what was there before. */
  keep(): void {
    cpSync(this.root, join(this.#base, 'template'), { recursive: true, preserveTimestamps: true });
  }

  reset(): void {
    rmSync(this.root, { recursive: true });
    cpSync(join(this.#base, 'template'), this.root, { recursive: true, preserveTimestamps: true });
  }

  remove(): void {
    rmSync(this.#base, { recursive: true });
  }

  /** Runs the program to its end, whatever that is. */
  async live(
    args: readonly string[],
    { step, ...life }: Life = {},
  ): Promise<End & { readonly steps: number }> {
    const count = join(this.#base, 'steps');
    rmSync(count, { force: true });
    const stdout = openSync(this.at(TOLD, `${readdirSync(this.at(TOLD)).length}`.padStart(3, '0')), 'w');
    try {
      const env = { DATAELIXIR_LOG_FORMAT: 'json', KILL_STEPS: count, ...(step && { KILL_STEP: `${step}` }) };
      const entry = [...PRELOAD, ...this.#entry];
      const end = await runChild(args, { cwd: this.root, entry, env, stdout, ...life });
      return { ...end, steps: existsSync(count) ? Number(readFileSync(count, 'utf8')) : 0 };
    } finally {
      closeSync(stdout);
    }
  }

  /** Runs the program. @throws {Error} where it does not end well */
  async run(args: readonly string[]): Promise<void> {
    const { code, signal, stderr } = await this.live(args);
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${signal ?? code}: ${stderr}`);
  }

  /**
   * Everything that is there, by name, as somebody has it who applied all changes.
   *
   * @param states folders of states, of which what two runs of one history share is taken
   */
  async outcome(states: readonly string[]): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const entry of readdirSync(this.root, { recursive: true, withFileTypes: true })) {
      const path = relative(this.root, join(entry.parentPath, entry.name));
      if (path.split('/').some((_, n, parts) => isUnsigned(this.at(...parts.slice(0, n + 1))))) continue;
      if ([...states, TOLD].some((folder) => `${path}/`.startsWith(`${folder}/`))) continue;
      if (!entry.isFile()) found.set(path, 'folder');
      else if (CORRECTIONS.test(path)) found.set(path, distinct(readFileSync(this.at(path), 'utf8')));
      else if (!OF_ONE_RUN.test(path)) found.set(path, readFileSync(this.at(path), 'base64'));
    }
    for (const name of states) {
      const state = await State.open(this.at(name), 'kills');
      for await (const { key, value } of state.contents())
        found.set(`${name}: ${key}`, Buffer.from(value).toString('base64'));
      await state.close();
    }
    for (const [id, line] of this.#consumed()) found.set(`consumer: ${id}`, line);
    return found;
  }

  /** Lines by id, after each release and replacement was put and each retraction deleted. */
  #consumed(): Map<string, string> {
    const taken = new Map<string, string>();
    for (const name of readdirSync(this.at(TOLD)).sort()) {
      for (const line of wholeLines(readFileSync(this.at(TOLD, name), 'utf8'))) {
        const { op, id, label, image } = JSON.parse(line);
        if (op === 'retract') taken.delete(id);
        else if (op !== undefined) taken.set(id, JSON.stringify({ label, image }));
      }
    }
    return taken;
  }
}

/**
 * Whether a folder for what is temporary has no owner: who made it was killed before he could sign it. It is empty but for
 * half a name, and nobody takes it away, because it might be anybody's.
 */
function isUnsigned(path: string): boolean {
  if (!isWorkName(basename(path)) || !statSync(path).isDirectory()) return false;
  const names = readdirSync(path);
  if (names.length === 0) return true;
  return (
    names.length === 1 &&
    names[0] === 'owner.json' &&
    !readFileSync(join(path, 'owner.json'), 'utf8').endsWith('\n')
  );
}

/** Lines, each once: applying one twice does no harm. */
function distinct(text: string): string {
  for (const line of wholeLines(text)) JSON.parse(line);
  return [...new Set(text.split('\n'))].join('\n');
}

function wholeLines(text: string): string[] {
  return text.split('\n').slice(0, -1);
}
