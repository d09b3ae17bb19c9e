// What a program gets of DataElixir: the method's operators on samples, readers and writers of datasets, and the
// types and errors that come with them. Nothing else of the package is meant to be imported.

export type { Pullable } from '../streams/operators/pulled.ts';
export type { Progress } from '../streams/progress.ts';
export type { PurifySummary } from '../streams/purify.ts';
export type { Dataset, DatasetInfo, DatasetOptions } from './datasets/dataset.ts';
export { openDataset } from './datasets/open.ts';
export type { ImageShape, Quarantined, ReadResult, Sample } from './datasets/sample.ts';
export type { DatasetWriter, WriterOptions } from './datasets/writer.ts';
export { openWriter } from './datasets/writer.ts';
export type { Trigger } from './defense/carriers/trigger.ts';
export type { ClassVerdict, Verdict } from './defense/verdict/verdict.ts';
export type { Failure } from './errors.ts';
export {
  ConfigError,
  DataElixirError,
  DatasetError,
  EngineError,
  ForbiddenError,
  OutputError,
  PoisonError,
  SampleError,
  ShapeError,
  StateError,
  UnreadableError,
  WeightsError,
  WorkerError,
} from './errors.ts';
export { type DetectOptions, detect } from './library/detect.ts';
export type { Options, PartialSettings } from './library/options.ts';
export {
  type ClassEvidence,
  type FinishedEvent,
  type PurifyEvent,
  type PurifyOptions,
  purify,
  type RefusedEvent,
  type SettledEvent,
} from './library/purify.ts';
export { type TransitionsEvent, type TransitionsOptions, transitions } from './library/transitions.ts';
export type { Decision, ManifestEntry, Refused, TransitionRecord } from './ports/records.ts';
