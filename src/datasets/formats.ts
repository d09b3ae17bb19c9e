// The formats of datasets by name, in the order in which options list them. They stand apart from readers and writers,
// so that the configuration can name them without loading any.

/** What can be read from a file, a folder or a stream. */
export const INPUT_FORMATS = [
  'class-folders',
  'idx',
  'cifar-binary',
  'webdataset',
  'ndjson',
  'npz',
  'parquet',
  'backdoorbench',
] as const;

/** What this project writes. */
export const OUTPUT_FORMATS = [
  'class-folders',
  'tiny-imagenet',
  'backdoorbench',
  'webdataset',
  'ndjson',
  'npz',
  'parquet',
  'idx',
  'cifar-binary',
] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** What repaired images leave as. */
export const OUTPUT_IMAGES = ['png', 'same'] as const;

/** Begins the names of procedural datasets. */
export const SHAPES = 'shapes:';

/** The two labels that a record of CIFAR-100 has. */
export const CIFAR_LABELS = ['fine', 'coarse'] as const;

/** Parts of a dataset that are kept apart. */
export const SPLITS = ['train', 'validation', 'test'] as const;
