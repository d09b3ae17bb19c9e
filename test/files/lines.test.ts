import { describe, expect, it } from 'vitest';
import { lines } from '../../src/files/lines.ts';

async function* chunked(...chunks: (string | Uint8Array)[]) {
  yield* chunks;
}

async function read(...chunks: (string | Uint8Array)[]): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines(chunked(...chunks))) all.push(line);
  return all;
}

describe('lines', () => {
  it('joins what chunks cut apart', async () => {
    expect(await read('a', 'b\nc', '\n', 'd\n')).toEqual(['ab', 'c', 'd']);
  });

  it('yields the last line without a line end, and empty lines', async () => {
    expect(await read('a\n\nb')).toEqual(['a', '', 'b']);
  });

  it('yields nothing of nothing', async () => {
    expect(await read()).toEqual([]);
    expect(await read('')).toEqual([]);
  });

  it('takes \\r\\n, cut between the two as well', async () => {
    expect(await read('a\r', '\nb\r\nc\r')).toEqual(['a', 'b', 'c']);
  });

  it('decodes characters whose bytes stand in two chunks', async () => {
    const bytes = new TextEncoder().encode('é\nü');
    expect(await read(bytes.subarray(0, 1), bytes.subarray(1, 4), bytes.subarray(4))).toEqual(['é', 'ü']);
  });
});
