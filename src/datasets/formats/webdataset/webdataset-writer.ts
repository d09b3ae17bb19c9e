// Writes WebDataset shards: for each sample the image and `id.cls` side by side in a tar archive. What was read from
// a shard keeps its members, their order and their bytes, but for the image and the label where these changed. Owner,
// mode and time of every member are fixed, so that equal samples make equal archives.

import { basename } from 'node:path';
import { type Pack, pack } from 'tar-stream';
import type { ByteSink } from '../../bytes/byte-sink.ts';
import { spliceFields } from '../../bytes/json-splice.ts';
import { escapeId, isSafePath, unescapeId } from '../../description.ts';
import { imageFile, textOf } from '../../images/image-file.ts';
import type { Member, Origin } from '../../origin.ts';
import type { Sample } from '../../sample.ts';
import type { PartWriter } from '../part-writer.ts';
import { labelField, splitMember } from './webdataset-reader.ts';

const FIXED = { mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) };

/** Writes one archive into a file or a stream. */
export function openTarWriter(sink: ByteSink): PartWriter {
  const archive = pack();
  // kept as a value so that a failure waits for the next call instead of being an unhandled rejection
  const written = pump(archive as AsyncIterable<Buffer>, sink).then(
    () => undefined,
    (error: Error) => error,
  );
  const check = (error: Error | undefined) => {
    if (error) throw error;
  };
  return {
    parts: [basename(sink.name)],
    write: async (sample, origin) => {
      try {
        for (const { name, bytes } of membersOf(sample, origin)) await addMember(archive, name, bytes);
      } catch (error) {
        archive.destroy();
        check((await written) ?? (error as Error));
      }
    },
    close: async () => {
      archive.finalize();
      check(await written);
    },
  };
}

/** Ending the loop early destroys the archive, which fails the member that waits. */
async function pump(archive: AsyncIterable<Buffer>, sink: ByteSink): Promise<void> {
  for await (const chunk of archive) await sink.write(chunk);
  await sink.close();
}

/**
 * The members of a sample; their key is the escaped id, or the one that it had where that says the same and leads nowhere
 * else.
 */
function membersOf(sample: Sample, origin: Origin | undefined): WholeMember[] {
  const { id, label } = sample;
  const { bytes, extension } = imageFile(sample, origin);
  if (origin?.rest?.format !== 'webdataset') {
    const key = escapeId(id, true);
    const cls = Buffer.from(String(label));
    return [
      { name: `${key}.${extension}`, bytes },
      { name: `${key}.cls`, bytes: cls },
    ];
  }
  const { key, members } = origin.rest;
  const same = unescapeId(key) === id && isSafePath(key);
  const given = givenLabel(members);
  return members.map((member) => {
    const image = member.bytes === undefined;
    const changed = image && !origin.image;
    const ending = changed ? extension : member.name.slice(member.name.indexOf(key) + key.length + 1);
    const kept = same && !changed && isSafePath(member.name);
    const name = kept ? member.name : `${same ? key : escapeId(id, true)}.${safeEnding(ending)}`;
    return { name, bytes: image ? bytes : labelled(member, given, label) };
  });
}

/** Endings have no slashes; dots in them are theirs. */
function safeEnding(ending: string): string {
  return isSafePath(ending) ? ending : encodeURIComponent(ending);
}

interface WholeMember extends Member {
  readonly bytes: Uint8Array;
}

/** The label that the members say, the `.cls` first. */
function givenLabel(members: readonly Member[]): number | undefined {
  const of = (extension: string) =>
    members.find(({ name }) => splitMember(name)?.extension === extension)?.bytes;
  const [cls, json] = [of('cls'), of('json')];
  return cls ? Number(Buffer.from(cls).toString('utf8')) : json && labelField(json);
}

/** The bytes of a member that is not the image, with another label where it said the given one and that has changed. */
function labelled({ name, bytes }: Member, given: number | undefined, label: number): Uint8Array {
  const extension = splitMember(name)?.extension;
  if (given === label) return bytes!;
  if (extension === 'cls') return Buffer.from(String(label));
  if (extension !== 'json' || labelField(bytes!) !== given) return bytes!;
  return Buffer.from(spliceFields(textOf(bytes!), [{ key: 'label', value: label }]));
}

/** Resolves when the member has left the archive's buffer: that is the back-pressure. */
function addMember(archive: Pack, name: string, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const member = archive.entry({ ...FIXED, name }, data, (error) => (error ? reject(error) : resolve()));
    member.on('error', reject); // else an error of the disk would end the process
  });
}
