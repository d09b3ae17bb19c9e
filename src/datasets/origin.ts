// What a sample was in its source, beside its pixels and its label: the encoded image and whatever else stood with
// it. A sample that leaves as it came leaves with these bytes; one that is repaired keeps all but image and label.
// An origin is plain data, so that it can wait on disk until its sample is settled.

export interface Origin {
  /**
   * The image's file as it was; `in line` where it stands in the line of NDJSON. Absent where the source
   * holds bare pixels, or the image has changed.
   */
  readonly image?: Uint8Array | 'in line';
  /** The file of the image that took its place, where that is to be no PNG. */
  readonly encoded?: Uint8Array;
  /** Of `image`, where the sample's pixels are those of the image resized. */
  readonly size?: readonly [height: number, width: number];
  /** What only a writer of the same format gives back. */
  readonly rest?: Rest;
}

/** By the format that it was read from. */
export type Rest =
  /** A file of a class folder; `folder` is the path from the root to it. */
  | { readonly format: 'class-folders'; readonly folder: string; readonly name: string }
  /** The line without its end, and what it says, so that nobody has to parse it again; relative paths start from `folder`. */
  | {
      readonly format: 'ndjson';
      readonly line: Uint8Array;
      readonly folder: string;
      readonly says: LineFields;
    }
  /** The path beside the image's bytes, the file that says how columns are laid out, and the further ones, as stored. */
  | {
      readonly format: 'parquet';
      readonly file: string;
      readonly path?: string;
      readonly others?: Readonly<Record<string, unknown>>;
    }
  /** All members of the sample in their order; the image has no bytes here. */
  | { readonly format: 'webdataset'; readonly key: string; readonly members: readonly Member[] };

export interface LineFields {
  readonly id?: string;
  readonly label: number;
  /** Where the image does not stand in the line itself. */
  readonly path?: string;
}

export interface Member {
  readonly name: string;
  readonly bytes: Uint8Array | undefined;
}

/** The origin of a sample whose image was replaced. @param encoded the file that took its place, if that is no PNG */
export function withoutImage(origin: Origin | undefined, encoded?: Uint8Array): Origin | undefined {
  const { rest } = origin ?? {};
  return rest || encoded ? { ...(rest && { rest }), ...(encoded && { encoded }) } : undefined;
}
