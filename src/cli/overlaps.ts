// No command writes over what it reads, nor two results into one place: that is found before anything is touched. Places
// are compared by what they are on disk, so that a link, a second mount or another spelling of a folder is no way around
// it, and also where they are not there yet.

import { readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ConfigError } from '../errors.ts';

/** A place as somebody named it. */
export interface Named {
  /** The option, or what else it is in messages. */
  readonly name: string;
  /** Absolute; it need not be there. */
  readonly path: string;
}

/** What a command reads. */
export interface Input extends Named {
  /** Whether a path that is not there yet would be read, too, once it is. */
  readonly matches?: (path: string) => boolean;
}

/** What a command writes: a file, or a folder of which everything may be replaced. */
export interface Output extends Named {
  /** Option that chooses another place. */
  readonly remedy: string;
}

/**
 * Refuses outputs that are, hold or lie in an input or another output. Files and folders count; pipes and devices do not.
 *
 * @throws {ConfigError} which names both
 */
export function refuseOverlaps(inputs: readonly Input[], outputs: readonly Output[]): void {
  const folders = new Map<string, readonly string[]>();
  const locate = <T extends Named>(named: readonly T[]) =>
    named.flatMap((one) => {
      const location = locationOf(one.path, folders);
      return location ? [{ ...one, ...location }] : [];
    });
  const written = locate(outputs);
  const read = locate(inputs);
  for (const [n, output] of written.entries()) {
    const others = written.slice(0, n).filter(({ name }) => name !== output.name);
    for (const other of [...read, ...others]) {
      const relation = relationOf(output, other);
      if (relation === undefined) continue;
      throw new ConfigError(
        `expected ${output.name} to lie apart from ${other.name}, found ${shown(output)} ${relation} ` +
          `${shown(other)}; choose another ${output.remedy}`,
      );
    }
  }
}

/** Where a path leads. */
interface Location {
  /** Without links. */
  readonly real: string;
  /** What is there and the folders around it, nearest first, each in a way that is the same for all of its names. */
  readonly chain: readonly string[];
}

type Located = Input & Location;

function relationOf(output: Located, other: Located): string | undefined {
  const [here, there] = [output.chain[0]!, other.chain[0]!];
  if (here === there) return 'the same as';
  if (other.chain.includes(here)) return 'around';
  if (output.chain.includes(there)) return 'inside';
  return other.matches?.(output.path) || other.matches?.(output.real) ? 'among' : undefined;
}

function shown({ path, real }: Located): string {
  return path === real ? path : `${path} (${real})`;
}

/** @param folders chains of folders that are known already */
function locationOf(path: string, folders: Map<string, readonly string[]>): Location | undefined {
  const found = statOf(path);
  if (found && !found.isFile() && !found.isDirectory()) return undefined;
  const real = realPath(path);
  return { real, chain: [identityOf(real), ...chainAbove(real, folders)] };
}

function chainAbove(path: string, folders: Map<string, readonly string[]>): readonly string[] {
  const folder = dirname(path);
  if (folder === path) return [];
  const known = folders.get(folder) ?? [identityOf(folder), ...chainAbove(folder, folders)];
  folders.set(folder, known);
  return known;
}

/** Device and inode of what is there, else the path. */
function identityOf(real: string): string {
  const found = statOf(real);
  // some file systems know no inodes
  return found?.ino ? `${found.dev}:${found.ino}` : real;
}

/** The path without links; those of what is not there yet lead to where it would be written. */
function realPath(path: string, links = 0): string {
  try {
    return realpathSync(path);
  } catch {
    const target = links < MOST_LINKS ? linkTarget(path) : undefined;
    if (target !== undefined) return realPath(target, links + 1);
    const folder = dirname(path);
    return folder === path ? path : join(realPath(folder, links), basename(path));
  }
}

/** As systems do, before they speak of a loop. */
const MOST_LINKS = 40;

function linkTarget(path: string): string | undefined {
  try {
    return resolve(dirname(path), readlinkSync(path));
  } catch {
    return undefined;
  }
}

/** What cannot be looked at is taken for what is not there. */
function statOf(path: string) {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}
