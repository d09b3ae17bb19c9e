// What training code leaves before the names of weights, and beside them: DataParallel, torch.compile, Lightning and
// AveragedModel each wrap a network, which puts a prefix before every name, and some count their steps beside it. All
// formats come through here, so that a network loads alike from each.

/** Of DataParallel and AveragedModel, torch.compile and Lightning. */
const PREFIXES = ['module.', '_orig_mod.', 'model.'];

/** What averages of weights count beside the network: those of PyTorch, and of the usual classes called EMA. */
const COUNTERS = new Set(['n_averaged', 'num_updates', 'decay', 'step', 'initted']);

/** The weights under the names that the network itself gives them; counters go with the prefix. */
export function withoutPrefixes<T>(weights: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  const named = [...weights].filter(([name]) => !COUNTERS.has(name));
  const prefix = PREFIXES.find((candidate) => named.every(([name]) => name.startsWith(candidate)));
  if (prefix === undefined || named.length === 0) return weights;
  return withoutPrefixes(new Map(named.map(([name, weight]) => [name.slice(prefix.length), weight])));
}
