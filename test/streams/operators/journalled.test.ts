import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concat, from, lastValueFrom, NEVER, of, tap, throwError, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Journal } from '../../../src/files/journal.ts';
import { Credit, credited } from '../../../streams/operators/credited.ts';
import { journalled } from '../../../streams/operators/journalled.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'journal-'));
});
afterEach(() => rm(folder, { recursive: true }));

interface Note {
  readonly n: number;
  readonly text: string;
}
const note = (n: number): Note => ({ n, text: `line\n"${n}" é` });
const journalOf = () => new Journal<Note>(join(folder, 'deep', 'notes.ndjson'));

async function drain<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

describe('journalled', () => {
  it('replays what it wrote, as often as one likes', async () => {
    const journal = journalOf();
    const notes = [1, 2, 3].map(note);
    expect(await lastValueFrom(from(notes).pipe(journalled(journal), toArray()))).toEqual(notes);
    expect(await drain(journal)).toEqual(notes);
    expect(await drain(journal)).toEqual(notes);
    expect(journal.count).toBe(3);
    const text = await readFile(journal.path, 'utf8');
    expect(
      text
        .split('\n')
        .slice(0, 3)
        .map((line) => JSON.parse(line)),
    ).toEqual(notes);
  });

  it('leaves an empty file for an empty source, and one line for one', async () => {
    const empty = journalOf();
    expect(await lastValueFrom(from<Note[]>([]).pipe(journalled(empty), toArray()))).toEqual([]);
    expect(await readFile(empty.path, 'utf8')).toBe('');
    expect(await drain(empty)).toEqual([]);
    const one = journalOf();
    await lastValueFrom(of(note(1)).pipe(journalled(one)));
    expect(await drain(one)).toEqual([note(1)]);
  });

  it('keeps order and content over many blocks, and closes before it completes', async () => {
    const journal = journalOf();
    const long = Array.from({ length: 3000 }, (_, n) => ({ n, text: 'x'.repeat(n % 211) }));
    await lastValueFrom(from(long).pipe(journalled(journal)));
    expect(await drain(journal)).toEqual(long);
  });

  it('passes on an error of the source and keeps what came before it', async () => {
    const journal = journalOf();
    const source = concat(
      of(note(1)),
      throwError(() => new Error('torn tape')),
    );
    await expect(lastValueFrom(source.pipe(journalled(journal)))).rejects.toThrow('torn tape');
    expect(await drain(journal)).toEqual([note(1)]);
  });

  it('passes on an error of the disk', async () => {
    const journal = new Journal<Note>(folder);
    await expect(lastValueFrom(of(note(1)).pipe(journalled(journal)))).rejects.toThrow('EISDIR');
  });

  it('does not complete before a source that never ends, and closes the file when unsubscribed', async () => {
    const journal = journalOf();
    let completed = false;
    const source = concat(of(note(1)), NEVER).pipe(journalled(journal));
    const subscription = source.subscribe({ complete: () => (completed = true) });
    await new Promise((resolve) => setTimeout(resolve, 5));
    subscription.unsubscribe();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(completed).toBe(false);
    expect(await drain(journal)).toEqual([note(1)]);
  });

  it('replays with back-pressure: a consumer that does not acknowledge gets no further', async () => {
    const journal = journalOf();
    const many = Array.from({ length: 500 }, (_, n) => note(n));
    await lastValueFrom(from(many).pipe(journalled(journal)));
    const credit = new Credit(7);
    const got: Note[] = [];
    const subscription = credited(journal, credit).subscribe((item) => got.push(item));
    await vi.waitFor(() => expect(got.length).toBe(7));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(got).toEqual(many.slice(0, 7));
    subscription.unsubscribe();
    const held = new Credit(7);
    const acknowledged = credited(journal, held).pipe(
      tap(() => held.give()),
      toArray(),
    );
    expect(await lastValueFrom(acknowledged)).toEqual(many);
  });
});
