// Every option of DataElixir, once: what it means, its unit, its range and its default. The YAML file, the
// environment, the command line, `--help` and the resolved configuration of a record all come from here.
// The defaults are this project's own; `config/paper.yaml` holds those of the reference implementation.

import {
  CIFAR_LABELS,
  INPUT_FORMATS,
  OUTPUT_FORMATS,
  OUTPUT_IMAGES,
  SPLITS,
} from '../src/datasets/formats.ts';
import { PREDICTIONS } from '../src/diffusion/prediction.ts';
import { SCHEDULE_KINDS } from '../src/math/schedule.ts';
import {
  choice,
  flag,
  integer,
  integers,
  optionalChoice,
  optionalInteger,
  optionalReal,
  optionalText,
  type Place,
  real,
  reals,
  type SettingsOf,
  text,
  texts,
} from './options.ts';

const ANY_COUNT = { min: 0, max: 1e9 };
const SOME_COUNT = { min: 1, max: 1e9 };

/** Images, read by some commands. */
const sources = (...readBy: NonNullable<Place['readBy']>) => ({ place: { readBy, sources: true } });
/** A file or folder that is only read. */
const input = (...readBy: NonNullable<Place['readBy']>) => ({ place: { readBy } });
/** A file or folder that is only written. */
const output = (...writtenBy: NonNullable<Place['writtenBy']>) => ({ place: { writtenBy } });
const NO_PLACE = { place: null };
/** Commands that judge a dataset with its images. */
const JUDGE = ['run', 'scan', 'purify'] as const;

const SHARDS = integer(
  'Parts of a training step that are computed at the same time; more help only with as many workers.',
  2,
  { min: 1, max: 64, unit: 'parts' },
);

export const schema = {
  preset: choice(
    "Values that stand below those of the file: this project's own, or those of the reference implementation.",
    ['default', 'paper'],
    'default',
  ),
  saveFolderName: text('Name of the record folder of run, scan and purify.', 'run', {
    pattern: /^[A-Za-z0-9_][\w.-]*$/,
    ...NO_PLACE,
  }),
  recordRoot: text('Folder that holds the record folders.', 'record', output(...JUDGE)),
  overwrite: flag(
    'Replace the record folder of an earlier run, its windows (detect.windows), or the file that train or train-denoiser writes.',
    false,
  ),
  seed: integer('Key of all random numbers.', 0, { min: 0, max: 2 ** 32 - 1 }),
  logLevel: choice('How much is logged.', ['error', 'warn', 'info', 'debug'], 'info'),
  logFormat: choice(
    'Lines of the log on stderr: for people, JSON with time, level, stage and message, or (auto) for people on a terminal and JSON elsewhere.',
    ['auto', 'human', 'json'],
    'auto',
  ),

  engine: choice('What executes the networks: ONNX Runtime or TensorFlow.js.', ['onnx', 'tfjs'], 'onnx'),
  tfjsBackend: choice(
    'Backend of the tfjs engine; each is a package of its own.',
    ['node-gpu', 'node', 'cpu'],
    'node-gpu',
  ),
  executionProvider: choice('Device of the onnx engine.', ['cpu', 'webgpu', 'cuda'], 'cpu'),
  workers: integer(
    'Worker threads; 0 means one a processor core, or what the CPU quota of a container leaves of them.',
    0,
    { min: 0, max: 256, unit: 'threads' },
  ),
  isolation: choice(
    'Where workers compute: in their threads, or each in a process of its own, which costs memory and copying but may ' +
      'abort in native code without ending the run.',
    ['thread', 'process'],
    'thread',
  ),
  inFlight: integer(
    'Samples between the reader and the writer at any time; the reader decodes as many ahead, but 512 at most.',
    512,
    { min: 1, max: 1_000_000, unit: 'samples' },
  ),

  dataset: {
    name: optionalText('Name of the dataset in the metrics; that of its source where not set.', NO_PLACE),
    root: text('Folder that relative sources start from.', '.', {
      env: 'DATAELIXIR_DATA',
      // only sources in it are read
      ...NO_PLACE,
    }),
    train: texts(
      'Sources to purify or to train on: files, folders, patterns such as shard-*.tar, shapes:train, or - for stdin.',
      [],
      sources(...JUDGE, 'poison', 'train', 'transitions', 'evaluate'),
    ),
    test: texts('Sources to evaluate on.', [], sources('run', 'poison', 'train', 'evaluate')),
    clean: texts(
      'Sources of the clean training set that a folder of BackdoorBench belongs to, in its order: CIFAR, IDX or other files; without them only the images that the attack made are read.',
      [],
      sources(...JUDGE, 'poison', 'train', 'train-denoiser', 'transitions', 'evaluate'),
    ),
    format: choice('Format of the sources; auto recognises it.', ['auto', ...INPUT_FORMATS], 'auto'),
    paths: optionalText(
      'Folder that the path of a line of NDJSON may lead into, links followed, if the source is to read there; where not set, the folder of the file, and no path counts on stdin.',
      // bounds what is read, and may well hold the outputs
      { place: null },
    ),
    classes: optionalInteger(
      'Number of classes; labels are 0 to classes − 1. Where not set, the source tells.',
      {
        min: 2,
        max: 100_000,
        unit: 'classes',
      },
    ),
    split: choice(
      'Which split is read of a training source that holds several, by the names of its files or folders (train-*.parquet beside test-*.parquet, train/ beside test/). Of dataset.test that is test, else validation.',
      SPLITS,
      'train',
    ),
    cifarLabels: choice(
      'Which label of a CIFAR-100 record counts: the fine class out of 100, or the coarse one out of 20.',
      CIFAR_LABELS,
      'fine',
    ),
    channels: optionalInteger(
      'Channels to convert images to where nothing is lost by it: 1 or 3; where not set, as many as most images have.',
      {
        min: 1,
        max: 3,
        unit: 'channels',
      },
    ),
    resize: choice(
      "What becomes of images of another size: refuse quarantines those unlike most, and networks have to be of that size; resize shows all networks the images at the denoiser's size; tile keeps the size that most images have (the middle one where none is common), to which others are resized, and cuts each into tiles of the denoiser's size. The manifest says which. Untouched images leave as they came.",
      ['refuse', 'resize', 'tile'],
      'refuse',
    ),
    size: optionalInteger(
      "With dataset.resize, side of the square that images are resized to; where not set, the denoiser's with resize, else that of most images.",
      { min: 1, max: 4096, unit: 'pixels' },
    ),
    maxPixels: integer(
      'Pixels of an image at most: larger ones are refused by their header, before memory is taken for them. A large one takes up to ten bytes a pixel while it is decoded, and large ones are decoded one at a time.',
      2 ** 27,
      { min: 1, max: 2 ** 30, unit: 'pixels' },
    ),
    usable: real(
      'Share of the samples of a source that have to be usable: with fewer, and ten bad ones at least, a run ends when it has read them (exit code 3). With follow.enabled it says so and goes on.',
      0.9,
      { min: 0, max: 1, unit: 'fraction' },
    ),
    offset: integer('Training samples to skip at the start.', 0, { ...ANY_COUNT, unit: 'samples' }),
    limit: optionalInteger('Training samples to use after the skipped ones; all where not set.', {
      ...SOME_COUNT,
      unit: 'samples',
    }),
    testLimit: optionalInteger('Test samples to use; all where not set.', { ...SOME_COUNT, unit: 'samples' }),
  },

  attack: {
    name: choice(
      'Attack that poisons the training set; docs/attacks.md shows and explains each.',
      [
        'none',
        'badnet',
        'blended',
        'sig',
        'wanet',
        'ftrojan',
        'bpp',
        'adaptive-blend',
        'adaptive-patch',
        'input-aware',
        'sample-specific',
        'label-consistent',
        'trojannn',
        'low-frequency',
      ],
      'none',
      { arg: 'attack' },
    ),
    labels: optionalChoice(
      'Labels of poisoned samples: the target for all, the class after their own, or the target for samples of the target class alone. Where not set, clean-label for sig and label-consistent, and all-to-one for the others.',
      ['all-to-one', 'all-to-all', 'clean-label'],
    ),
    rate: real(
      'Share of the training samples that is poisoned; of those of the target class where labels are clean.',
      0.1,
      { min: 0, max: 1, unit: 'fraction' },
    ),
    target: integer('Label that the trigger stands for.', 0, { min: 0, max: 99_999, unit: 'label' }),
    coverRate: optionalReal(
      'Share of the training samples that are stamped but keep their label; where not set, 2 × attack.rate for wanet and adaptive-patch, attack.rate for adaptive-blend and input-aware.',
      { min: 0, max: 1, unit: 'fraction' },
    ),
    patchSize: integer(
      'Side of the square patches of badnet, adaptive-patch, label-consistent and trojannn.',
      3,
      {
        min: 1,
        max: 1024,
        unit: 'pixels',
      },
    ),
    patchPosition: choice(
      'Corner that the patch of badnet or trojannn stands in.',
      ['top-left', 'top-right', 'bottom-left', 'bottom-right'],
      'bottom-right',
    ),
    patchPattern: choice(
      'Picture on the patches of badnet and label-consistent.',
      ['white', 'checkerboard', 'colour'],
      'white',
    ),
    image: optionalText(
      'PNG to use as the patch of badnet, as it is, or to blend in, scaled; blended and adaptive-blend also know "noise", which they take where nothing is set, and "rings".',
      input('run', 'poison', 'evaluate'),
    ),
    mask: optionalText(
      'PNG as large as attack.image that says how opaque the patch of badnet is: white is opaque.',
      input('run', 'poison', 'evaluate'),
    ),
    alpha: real('Share of the picture in a blended image.', 0.2, { min: 0, max: 1, unit: 'fraction' }),
    testAlpha: optionalReal('The same in test images; as in training where not set.', {
      min: 0,
      max: 1,
      unit: 'fraction',
    }),
    delta: real('Amplitude of the sinusoid of sig.', 20, { min: 0, max: 255, unit: 'gray levels' }),
    testDelta: optionalReal('The same in test images; as in training where not set.', {
      min: 0,
      max: 255,
      unit: 'gray levels',
    }),
    frequency: real('Periods of the sinusoid of sig across the image.', 6, {
      min: 0,
      max: 1024,
      unit: 'periods',
    }),
    warpGrid: integer('Control points of wanet along a side.', 4, { min: 2, max: 64, unit: 'points' }),
    warpStrength: real('Strength of the warp of wanet: 1 moves pixels by half a pixel on average.', 0.5, {
      min: 0,
      max: 100,
    }),
    magnitude: real('What ftrojan adds to its two frequencies.', 30, {
      min: 0,
      max: 10_000,
      unit: 'orthonormal DCT',
    }),
    pairs: texts(
      'For sample-specific: sources of the stamped training images under the ids of the dataset, in the place of an encoder trained here; attack.testPairs has those for tests.',
      [],
      sources('run', 'poison', 'evaluate'),
    ),
    testPairs: texts(
      'For sample-specific with attack.pairs: sources of the stamped test images.',
      [],
      sources('run', 'poison', 'evaluate'),
    ),
    amplitude: integer(
      'Largest change of a pixel by the perturbation of label-consistent, low-frequency and sample-specific.',
      16,
      { min: 1, max: 255, unit: 'gray levels' },
    ),
    epochs: integer(
      'Passes over the clean training set for the classifier that trained attacks are made with.',
      3,
      { min: 1, max: 10_000, unit: 'epochs' },
    ),
    steps: integer(
      'Training steps of the generator of input-aware, the encoder of sample-specific, the patch of trojannn or the perturbation of low-frequency.',
      300,
      { min: 1, max: 1e6, unit: 'steps' },
    ),
    bits: integer('Bits that bpp leaves of each colour value.', 3, { min: 1, max: 7, unit: 'bits' }),
  },

  observer: {
    path: optionalText(
      'ONNX file of a classifier to use as observer; one is trained where not set.',
      input(...JUDGE, 'transitions', 'evaluate'),
    ),
    range: reals(
      'What black and white are to the classifier of observer.path: -1,1 or 0,1 or 0,255; where not set, 0,1 with observer.mean or observer.deviation, as torchvision has it, else -1,1.',
      [],
      { min: -1e6, max: 1e6 },
    ),
    mean: reals(
      'What is taken from images in that range for the classifier of observer.path, one number a channel or one for all; 0 where not set.',
      [],
      { min: -1e6, max: 1e6 },
    ),
    deviation: reals(
      'What the difference is divided by, one number a channel or one for all; 1 where not set.',
      [],
      { min: 1e-6, max: 1e6 },
    ),
    labels: integers(
      'Label in the dataset of each output of the classifier of observer.path, first output first; where not set, the outputs are in the order of the labels.',
      [],
      { min: 0, max: 99_999, unit: 'labels' },
    ),
  },

  classifier: {
    network: choice(
      'Network of every classifier that is trained.',
      ['small-cnn', 'preactresnet18'],
      'small-cnn',
    ),
    widths: integers('Channels of the stages of the network.', [16, 32, 64, 128], {
      min: 1,
      max: 4096,
      unit: 'channels',
    }),
    epochs: optionalInteger(
      'Passes over the training set; where not set, 10, or as many as make 600 steps, because an observer must learn a trigger to betray it.',
      { min: 1, max: 10_000, unit: 'epochs' },
    ),
    batch: integer('Samples in a training step.', 128, { min: 2, max: 65_536, unit: 'samples' }),
    learningRate: real('Learning rate of SGD at the start; it falls to 0 along a cosine.', 0.05, {
      min: 0,
      max: 10,
    }),
    momentum: real('Momentum of SGD.', 0.9, { min: 0, max: 0.9999 }),
    weightDecay: real('Weight decay of SGD.', 5e-4, { min: 0, max: 1 }),
    shards: SHARDS,
  },

  benign: {
    fineTuneEpochs: integer('Passes over settled and agreeing samples after the training from scratch.', 5, {
      min: 0,
      max: 10_000,
      unit: 'epochs',
    }),
    fineTuneLearningRate: real('Learning rate of these passes.', 0.002, { min: 0, max: 10 }),
  },

  denoiser: {
    path: optionalText(
      'Denoiser weights: safetensors, PyTorch checkpoint, diffusers folder or ONNX file; where there is no such file, run, scan and purify train one on denoiser.sources and write it there as safetensors.',
      {
        place: {
          readBy: [...JUDGE, 'transitions'],
          writtenBy: [...JUDGE, 'train-denoiser'],
        },
      },
    ),
    prediction: optionalChoice(
      "What the denoiser of denoiser.path returns, in the words of diffusers: the noise, v, or the image (sample). Where not set, what the folder's scheduler_config.json says, the settings beside the file, or the properties of the ONNX file, under their names there; else epsilon.",
      PREDICTIONS,
    ),
    schedule: optionalChoice(
      'Noise schedule that it was trained with, in the words of diffusers (squaredcos_cap_v2 is the cosine schedule). Where not set, as said there, else linear; so for the options of the schedule that follow.',
      SCHEDULE_KINDS,
    ),
    timesteps: optionalInteger('Steps of that schedule; 1000 where nothing is said.', {
      min: 1,
      max: 65_536,
      unit: 'schedule steps',
    }),
    betaStart: optionalReal('First β of linear and scaled_linear; 0.0001 where nothing is said.', {
      min: 1e-9,
      max: 0.999_999,
    }),
    betaEnd: optionalReal('Last β of linear and scaled_linear; 0.02 where nothing is said.', {
      min: 1e-9,
      max: 0.999_999,
    }),
    zeroSnr: flag(
      'Whether that schedule was stretched until its last step leaves nothing of an image (rescale_betas_zero_snr).',
      false,
    ),
    sources: texts(
      'Sources to train a denoiser on; they must not hold the dataset to purify.',
      [],
      sources(...JUDGE, 'train-denoiser'),
    ),
    offset: integer('Denoiser training samples to skip at the start.', 0, { ...ANY_COUNT, unit: 'samples' }),
    limit: optionalInteger('Denoiser training samples to use; all where not set.', {
      ...SOME_COUNT,
      unit: 'samples',
    }),
    channels: integer('Channels of the UNet at full resolution.', 16, {
      min: 1,
      max: 1024,
      unit: 'channels',
    }),
    multipliers: integers('Channels at each resolution, in multiples of denoiser.channels.', [1, 2, 4], {
      min: 1,
      max: 64,
    }),
    blocks: integer('Residual blocks at each resolution.', 1, { min: 1, max: 16, unit: 'blocks' }),
    groups: integer('Groups of the group normalisation, at most.', 8, { min: 1, max: 1024, unit: 'groups' }),
    attention: integers('Side lengths of the resolutions with self-attention.', [], {
      min: 1,
      max: 1024,
      unit: 'pixels',
    }),
    steps: integer('Training steps.', 2500, { min: 1, max: 1e8, unit: 'steps' }),
    batch: integer('Images in a training step.', 64, { min: 1, max: 65_536, unit: 'images' }),
    learningRate: real('Learning rate of Adam at its peak.', 2e-3, { min: 0, max: 1 }),
    ema: real('Decay of the running mean of the weights, which is what is kept.', 0.995, {
      min: 0,
      max: 0.999_999,
    }),
    maxStep: integer('Noise levels to train on, counted from the least noise.', 200, {
      min: 1,
      max: 1000,
      unit: 'schedule steps',
    }),
    warmup: integer('Steps over which the learning rate rises to its peak.', 100, {
      min: 1,
      max: 1e6,
      unit: 'steps',
    }),
    shards: SHARDS,
    checkpointEvery: integer('Steps after which the training state is written beside denoiser.path.', 500, {
      min: 1,
      max: 1e8,
      unit: 'steps',
    }),
    resume: flag('Go on from the training state beside denoiser.path.', false),
  },

  diffusion: {
    depth: integer('Noise that a round adds (T).', 200, { min: 1, max: 1000, unit: 'schedule steps' }),
    rounds: integer('Rounds of adding noise and removing it (n).', 5, { min: 1, max: 100, unit: 'rounds' }),
    steps: integer('Denoiser calls in a round, at most diffusion.depth.', 3, {
      min: 1,
      max: 1000,
      unit: 'calls',
    }),
    keep: integer('Candidate images kept from the end of each round (m), at most diffusion.steps.', 1, {
      min: 1,
      max: 1000,
      unit: 'images',
    }),
    kept: choice(
      'Candidates: the states of the chain, or the estimates of the clean image.',
      ['state', 'estimate'],
      'estimate',
    ),
    variance: choice(
      'Variance of a reverse step (Ho et al. 2020, section 3.2).',
      ['fixed-large', 'fixed-small'],
      'fixed-small',
    ),
    batch: integer('Images in a denoiser call.', 16, { min: 1, max: 4096, unit: 'images' }),
  },

  detect: {
    rule: choice(
      "What flags labels: tests of the flow between labels and of recovered triggers, or the paper's divergence.",
      ['tests', 'divergence'],
      'tests',
    ),
    failOn: choice(
      'End with exit code 8 where a label is a target (poison), or where one is not called clean (undecided); all results are written first.',
      ['never', 'poison', 'undecided'],
      'never',
      { arg: 'fail-on' },
    ),
    falseAlarm: real('Chance of flagging any label of a clean dataset, at most (tests).', 0.01, {
      min: 1e-9,
      max: 0.5,
      unit: 'probability',
    }),
    canaries: integer(
      'Images that each known trigger is stamped on, to see whether it would be noticed.',
      64,
      {
        min: 0,
        max: 10_000,
        unit: 'images',
      },
    ),
    threshold: real('Score in scaled MADs above which a label is flagged (divergence).', 2, {
      min: 0,
      max: 1e6,
    }),
    sides: choice(
      'Whether divergence flags labels that stand out to either side.',
      ['one-sided', 'two-sided'],
      'one-sided',
    ),
    minority: integer('Candidates with the second label from which on all candidates count (τ).', 2, {
      min: 1,
      max: 100_000,
      unit: 'candidates',
    }),
    window: integer('Samples after which a window closes and the running estimate is renewed.', 1000, {
      min: 1,
      max: 1e9,
      unit: 'samples',
    }),
    windowSeconds: optionalReal(
      'Time after its first sample at which a window closes, however few samples it holds.',
      { min: 0.001, max: 1e6, unit: 'seconds' },
    ),
    sliding: integer('Windows that make one sliding window, of which each estimate speaks.', 1, {
      min: 1,
      max: 1000,
      unit: 'windows',
    }),
    decay: real(
      'Weight of a window against the next one in the running estimates of detect.windows; 1 forgets nothing.',
      1,
      { min: 0.001, max: 1 },
    ),
    windows: optionalText(
      'File, or open descriptor as fd:N, that gets a line of JSON as each window closes: its table, its estimate and the running one; docs/growing.md.',
      { arg: 'windows', ...output(...JUDGE, 'detect') },
    ),
  },

  repair: {
    method: choice(
      'How samples of flagged classes are repaired: auto purifies where a small trigger stands, subtracts a large one that is the same in all images, purifies whole images that carry another (those with the right label it leaves out), and relabels where carriers cannot be told; purify, relabel and drop do that with all; rules goes by repair.stable, unanimous and mixed.',
      ['auto', 'purify', 'relabel', 'drop', 'rules'],
      'auto',
    ),
    stable: choice(
      'Samples of a flagged class whose label stayed the same throughout; restore purifies them where the trigger stands and takes the observer’s label of the result.',
      ['keep', 'restore', 'purify', 'drop'],
      'restore',
    ),
    unanimous: choice(
      'Samples of a flagged class whose candidates agree on another label.',
      ['restore', 'purify', 'wait', 'drop'],
      'restore',
    ),
    mixed: choice(
      'Samples of a flagged class whose candidates disagree; wait asks the benign model.',
      ['restore', 'purify', 'wait', 'drop'],
      'restore',
    ),
    rawAllowed: flag('Whether the raw image may be taken as the purified one.', false),
    quantile: real('Which of the allowed images is taken, by rank of distance from the raw one.', 0.8, {
      min: 0,
      max: 0.999,
      unit: 'fraction',
    }),
    confidence: real(
      'Probability that the benign model must give its label; samples below it are dropped.',
      0,
      {
        min: 0,
        max: 1,
        unit: 'probability',
      },
    ),
  },

  state: {
    path: optionalText(
      'Folder that keeps what the next run over the same, growing dataset needs: candidates, networks, and what was released; docs/growing.md.',
      { arg: 'state', place: { readBy: ['state'], writtenBy: ['purify', 'merge'] } },
    ),
    models: choice(
      'How networks are trained where the data changed: from scratch, as without a state; or warm: the observer stays as first trained, and the benign model of the last run is trained further, which is cheaper and not equal to a run from scratch.',
      ['scratch', 'warm'],
      'scratch',
    ),
    parts: texts('States that merge makes one of, in state.path.', [], input('merge')),
  },

  follow: {
    enabled: flag(
      'Keep watching the files and folders of dataset.train until SIGINT or SIGTERM: after what is there is purified, each pass takes in what has come since, with state.path; docs/growing.md.',
      false,
      { arg: 'follow' },
    ),
    quiet: real(
      'Time without a change after which a file counts as finished; files that are not are left alone, but for NDJSON and tar files, which are read up to their last whole sample.',
      5,
      { min: 0, max: 86_400, unit: 'seconds' },
    ),
    interval: real(
      'Time from the end of one pass to the beginning of the next, at least; and the time that a pass waits for files that keep coming, at most.',
      30,
      { min: 0, max: 1e6, unit: 'seconds' },
    ),
  },

  metrics: {
    port: optionalInteger(
      'Port on which Prometheus finds counters of the run at /metrics while it lasts, and /healthz says whether it does; 0 takes any free one and logs it.',
      { min: 0, max: 65_535 },
    ),
    host: text('Address to listen on; 0.0.0.0 lets other machines in.', '127.0.0.1', NO_PLACE),
  },

  evaluation: {
    clean: optionalText(
      'ONNX file of a classifier trained on the clean data, to compare with; where there is no such file, run trains one and writes it there.',
      { place: { readBy: ['run'], writtenBy: ['run'] } },
    ),
    manifest: optionalText(
      'Manifest of a purified dataset, for evaluate to hold against evaluation.truth.',
      input('evaluate'),
    ),
    truth: optionalText(
      'Ground truth of a poisoned dataset, as poison writes it (truth.ndjson).',
      input('evaluate'),
    ),
  },

  output: {
    path: optionalText(
      'Where the dataset or model that the command makes is written, a folder or, for purify, also one file such as .tar, .ndjson.gz or .parquet; run and purify write into the record where not set. purify writes the dataset to stdout where it is -, or where stdin is the source and nothing is set.',
      output('run', 'purify', 'poison', 'train'),
    ),
    format: choice(
      'Format of a written dataset. tiny-imagenet is class folders with one more, images, in each; backdoorbench is a folder of its attack results.',
      OUTPUT_FORMATS,
      'class-folders',
    ),
    image: choice(
      'Files that repaired images leave as, in formats that hold image files: png, or the same as before where that is JPEG, in quality 95 without subsampling of colors. Images that are not repaired leave with the bytes that they came with.',
      OUTPUT_IMAGES,
      'png',
    ),
    changes: flag(
      'Write to stdout, as NDJSON, only what changed since the last run with the same state.path: new samples, and corrections of released ones; docs/growing.md. With follow.enabled that is always so.',
      false,
    ),
  },
} as const;

/** All settings of a run, resolved and checked. */
export type Settings = SettingsOf<typeof schema>;
