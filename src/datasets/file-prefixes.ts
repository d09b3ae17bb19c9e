// What ids begin with where a dataset has several files, so that they are unique. A file's name follows from where the
// file itself stands: which others stand beside it, and which of them are gone the next time, changes no id.

import { basename, dirname, join, posix, relative, sep } from 'node:path';

/** A compressed file is called as it was before. */
const COMPRESSED = /(?<=.)\.(?:gz|zst)$/;
/** The usual ending of each format; `a.jsonl` keeps its own, since it is another file than `a.ndjson`. */
const USUAL = /(?<=.)\.(?:tar|tgz|ndjson|npz|parquet|bin|idx\d-ubyte|pt)$/;

/**
 * A name for each file, unique among them.
 *
 * @param roots folders of patterns: what is below one is named by its path from there. Other files are named without
 *              their folders, but for those that share a name, which are told apart by as many folders as it takes
 */
export function filePrefixes(files: readonly string[], roots: readonly string[] = []): string[] {
  const folders = new Map<string, string[]>();
  const found = files.map((file) => {
    const root = roots.find((folder) => file.startsWith(join(folder, '/')));
    if (root !== undefined) return { name: nameOf(relative(root, file)) };
    const [name, folder] = [nameOf(basename(file)), dirname(file)];
    const others = folders.get(name) ?? [];
    folders.set(name, others.includes(folder) ? others : [...others, folder]);
    return { name, folder };
  });
  return numbered(
    found.map(({ name, folder }) => {
      const others = folders.get(name) ?? [];
      if (folder === undefined || others.length < 2) return name;
      const depth = depthOf(others);
      return [...lastOf(folder, depth), name].join('/');
    }),
    files,
  );
}

/** How many folders at their ends tell paths apart. */
function depthOf(folders: readonly string[]): number {
  let depth = 1;
  while (new Set(folders.map((folder) => lastOf(folder, depth).join('/'))).size < folders.length) depth++;
  return depth;
}

function lastOf(folder: string, depth: number): string[] {
  return folder.split(sep).filter(Boolean).slice(-depth);
}

function nameOf(path: string): string {
  return path.replace(COMPRESSED, '').replace(USUAL, '').replaceAll(sep, '/');
}

/** Beside the file that it was made of, a compressed one is called by all of its name; and a file may be named twice. */
function numbered(names: readonly string[], files: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.map((name, i) => {
    const whole = posix.join(posix.dirname(name), basename(files[i]!));
    let chosen = seen.has(name) ? whole : name;
    for (let time = 2; seen.has(chosen); time++) chosen = `${name}~${time}`;
    seen.add(chosen);
    return chosen;
  });
}
