// Work on its way to another process, which shares no memory: weights travel once, and only their owner's id from then
// on. A process that has forgotten them says so when it needs them, and is sent them again.

import type { Work } from './protocol.ts';

/** Work in which shared memory is left out, or has become memory of its own. */
export interface WireWork {
  readonly work: unknown;
}

/** Stands for memory that was sent before. */
interface SentBefore {
  readonly sentBefore: string;
}

/** Thrown when memory that was left out is read. */
export class MissingMemory extends Error {}

/** Packs work for one process, and remembers what that was sent. */
export class WirePacker {
  readonly #sent = new Set<string>();

  /** @param whole whether to send all memory, because the process asked for it */
  pack(work: Work, whole = false): WireWork {
    return {
      work: mapped(work, '', (value, owner) => {
        if (ArrayBuffer.isView(value) && value.buffer instanceof SharedArrayBuffer) {
          return (value as Float32Array).slice();
        }
        if (!(value instanceof SharedArrayBuffer)) return value;
        if (!whole && this.#sent.has(owner)) return { sentBefore: owner } satisfies SentBefore;
        this.#sent.add(owner);
        return new Uint8Array(value).slice().buffer;
      }),
    };
  }
}

/** The work as it was; memory that was sent before throws {@link MissingMemory} when it is read. */
export function unpack({ work }: WireWork): Work {
  forEachObject(work, (object, field) => {
    const { sentBefore } = (object[field] ?? {}) as Partial<SentBefore>;
    if (sentBefore === undefined) return;
    const get = () => {
      throw new MissingMemory(`expected the memory of ${sentBefore}, found that it was sent before`);
    };
    Object.defineProperty(object, field, { get, enumerable: true });
  });
  return work as Work;
}

/** What came from another process, each array in memory of its own: they come as parts of one message. */
export function owned(value: unknown): unknown {
  return mapped(value, '', (part) => (ArrayBuffer.isView(part) ? (part as Uint8Array).slice() : part));
}

type PlainObject = Record<string, unknown>;

/** @param owner field and id of the innermost object around that has an id: what its memory is told by */
function mapped(value: unknown, owner: string, replace: (value: unknown, owner: string) => unknown): unknown {
  const replaced = replace(value, owner);
  if (replaced !== value) return replaced;
  if (Array.isArray(value)) return value.map((item) => mapped(item, owner, replace));
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]) => {
      const id = isPlain(inner) && typeof inner.id === 'string' ? `${field} ${inner.id}` : owner;
      return [field, mapped(inner, id, replace)];
    }),
  );
}

function forEachObject(value: unknown, visit: (object: PlainObject, field: string) => void): void {
  if (!isPlain(value)) return;
  for (const field of Object.keys(value)) {
    forEachObject(value[field], visit);
    visit(value, field);
  }
}

function isPlain(value: unknown): value is PlainObject {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
