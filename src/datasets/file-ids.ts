// How the names of files in class folders say ids. Folders of others say them by their paths, `cat/0001`. What this
// project writes keeps such names for files that kept their class; in all other names stands the escaped id.

import { escapeId, unescapeId } from './description.ts';

/** `paths`: by folder and name, and where the name begins with `%` by the name alone; `escaped`: by the name alone. */
export type FileIds = 'paths' | 'escaped';

/** @param stem the name without the image's extension */
export function idOfFile(ids: FileIds, folder: string, stem: string): string {
  return ids === 'escaped' || stem.startsWith('%') ? unescapeId(stem) : pathId(folder, stem);
}

/** The id of a file in folders of others. */
export function pathId(folder: string, stem: string): string {
  return `${folder}/${stem}`;
}

/** A name that says an id in whatever folder it stands. */
export function stemOfId(ids: FileIds, id: string): string {
  const stem = escapeId(id, false);
  if (ids === 'escaped' || stem.startsWith('%')) return stem;
  return `%${stem.charCodeAt(0).toString(16)}${stem.slice(1)}`;
}
