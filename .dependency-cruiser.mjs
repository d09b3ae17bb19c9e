// Which folder may import which: everything that is not listed here is refused, and so are cycles, types included.
// Folders stand in the order in which they build on each other, so that a list only ever names folders above it.

/** What a folder may import beside itself and the few files that belong to all (`src/errors.ts` and its neighbours). */
const ALLOWED = {
  'src/math': [],
  'src/graph': [],
  'src/files': [],
  'src/networks': ['src/graph'],
  'src/diffusion': ['src/math'],
  'src/weights': ['src/math', 'src/graph', 'src/files', 'src/networks', 'src/diffusion'],
  'src/datasets': ['src/math', 'src/files', 'src/weights'],
  config: ['src/math', 'src/diffusion', 'src/datasets'],
  'src/defense': ['src/math', 'src/datasets'],
  'src/ports': ['src/datasets', 'src/defense'],
  'src/runtime': ['src/math', 'src/graph', 'src/networks', 'src/diffusion', 'src/weights'],
  'src/training/steps': ['src/math', 'src/graph', 'src/networks', 'src/weights'],
  'src/workers': [
    ...['src/math', 'src/graph', 'src/networks', 'src/diffusion', 'src/weights', 'src/datasets'],
    ...['src/defense', 'src/ports', 'src/runtime', 'src/training/steps'],
  ],
  'src/training': [
    ...['src/math', 'src/graph', 'src/networks', 'src/weights', 'src/datasets', 'src/defense', 'src/ports'],
    ...['src/training/steps', 'src/workers'],
  ],
  'src/state': ['src/files', 'src/datasets', 'src/defense', 'src/ports'],
  'src/attacks': [
    ...['src/math', 'src/graph', 'src/networks', 'src/weights', 'src/datasets', 'src/runtime'],
    ...['src/training/steps', 'src/training'],
  ],
  'streams/operators': ['src/files'],
  streams: ['src/math', 'src/files', 'src/datasets', 'src/defense', 'src/ports', 'streams/operators'],
  'src/app': [
    ...['src/math', 'src/files', 'src/networks', 'src/diffusion', 'src/weights', 'src/datasets', 'config'],
    ...['src/defense', 'src/ports', 'src/runtime', 'src/workers', 'src/training', 'src/state', 'src/attacks'],
    ...['streams', 'streams/operators'],
  ],
  'src/library': [
    ...['src/datasets', 'config', 'src/defense', 'src/ports', 'src/workers', 'streams', 'streams/operators'],
    'src/app',
  ],
  'src/cli': [
    ...['src/files', 'src/datasets', 'config', 'src/defense', 'src/workers', 'src/state', 'src/attacks'],
    ...['streams', 'streams/operators', 'src/app'],
  ],
};

/** Files of no folder: those that belong to all, which import nothing but each other, and the public names. */
const COMMON = '^src/(errors|bounded-json|control-characters|shown)[.]ts$';
const PUBLIC = '^src/index[.]ts$';

/** Whatever is in a folder, but for folders in it that have a line of their own. */
function within(folder) {
  const apart = Object.keys(ALLOWED).filter((other) => other.startsWith(`${folder}/`));
  const except = apart.map((other) => `(?!${other.slice(folder.length + 1)}/)`).join('');
  return `^${folder}/${except}`;
}

const ours = ['^src/', '^streams/', '^config/'];
const edges = Object.entries(ALLOWED).map(([folder, allowed]) => ({
  name: `imports-of-${folder.replaceAll('/', '-')}`,
  comment: `${folder} imports ${allowed.join(', ') || 'no other folder'}; .dependency-cruiser.mjs lists the edges`,
  severity: 'error',
  from: { path: within(folder) },
  to: { path: [...ours, '^test/', '^fixtures/'], pathNot: [COMMON, ...[folder, ...allowed].map(within)] },
}));

export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'imports go one way, those of types included',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...edges,
    {
      name: 'common-files',
      comment: 'what belongs to all imports nothing but each other',
      severity: 'error',
      from: { path: COMMON },
      to: { path: ours, pathNot: COMMON },
    },
    {
      name: 'unlisted-folder',
      comment: 'a new folder says in .dependency-cruiser.mjs what it may import',
      severity: 'error',
      from: { path: ours, pathNot: [COMMON, PUBLIC, ...Object.keys(ALLOWED).map(within)] },
      to: {},
    },
    {
      name: 'public-names',
      comment: 'src/index.ts is for those who use the library',
      severity: 'error',
      from: { path: ours },
      to: { path: PUBLIC },
    },
    {
      name: 'no-unresolved',
      comment: 'what is imported has to be there',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|src/math/assembly)/' },
  },
};
