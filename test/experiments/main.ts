// `npm run experiments`: measures what rows.ts lists, and goes on where it stopped. Results stand in docs/results.json
// and docs/results.md; records, models and denoisers in record/. Exit codes: 0 done, 1 a row failed, 2 usage, 130
// interrupted.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../../src/app/paths.ts';
import { ConfigError } from '../../src/errors.ts';
import { type Campaign, runCampaign, stateOf } from './campaign.ts';
import type { Site } from './definition.ts';
import { codeAndMachine, commitFiles } from './provenance.ts';
import { type Entry, readEntries } from './results.ts';
import { type Row, rows } from './rows.ts';

const HELP = `Usage: npm run experiments -- [options]

  --only TEXT   only rows whose id contains TEXT; may be given more than once
  --list        print every row and its state, measure nothing
  --redo        measure rows that are done as well
  --commit      commit docs/results.* after each row
  --help        this text
`;
const RESULTS = 'docs';

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string', multiple: true },
      list: { type: 'boolean', default: false },
      redo: { type: 'boolean', default: false },
      commit: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { only, list, redo, commit, help } = values;
  const chosen = ({ id }: Row) => only?.some((text) => id.includes(text)) ?? true;
  if (!rows.some(chosen)) {
    throw new ConfigError(`--only: expected part of a row's id, found "${only}"; --list shows the ids`);
  }
  if (help) process.stdout.write(HELP);
  else if (list) printList(rows.filter(chosen));
  else return (await measure(chosen, redo, commit)) === 0 ? 0 : 1;
  return 0;
}

function printList(list: readonly Row[]): void {
  const entries = readEntries(join(packageRoot, RESULTS, 'results.json'));
  for (const row of list) {
    const entry = entries.find((candidate) => candidate.row === row.id);
    const criteria = entry?.criteria ? ` ${JSON.stringify(entry.criteria)}` : '';
    const state = stateOf(site(''), row, entries);
    process.stdout.write(`${row.id.padEnd(40)} ${state}${criteria}\n`);
  }
}

/** Built code where there is any: it starts faster, and edits do not reach a run that is under way. */
function site(data: string): Site {
  const built = join(packageRoot, 'dist/src/cli/main.js');
  const source = ['--import', import.meta.resolve('tsx'), join(packageRoot, 'src/cli/main.ts')];
  const program = existsSync(built) ? [built] : source;
  return { root: packageRoot, data, program, log: (text) => process.stderr.write(text) };
}

async function measure(chosen: (row: Row) => boolean, redo: boolean, commit: boolean): Promise<number> {
  const campaign: Campaign = {
    site: site(dataRoot()),
    rows,
    results: join(packageRoot, RESULTS),
    provenance: codeAndMachine(packageRoot),
    report,
    ...(commit && { entered: commitResults }),
  };
  return runCampaign(campaign, chosen, redo, interruption.signal);
}

/** A commit that fails is no reason to stop: the next one brings this row's results along. */
async function commitResults({ row, failed }: Entry): Promise<void> {
  const files = [`${RESULTS}/results.json`, `${RESULTS}/results.md`];
  const message = `Results of ${row}${failed === undefined ? '' : ' (failed)'}`;
  await commitFiles(packageRoot, message, files).catch((error: Error) => report(`warn: ${error.message}`));
}

function report(text: string): void {
  process.stderr.write(`[experiments] ${text}\n`);
}

function dataRoot(): string {
  const beside = join(packageRoot, '../shared/data');
  const root = process.env.DATAELIXIR_DATA || (existsSync(beside) ? beside : undefined);
  if (root !== undefined) return root;
  throw new ConfigError(
    'expected the datasets, found none at ../shared/data; set DATAELIXIR_DATA to the folder that holds them',
  );
}

const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // a second time ends at once, and the program with it
    if (interruption.signal.aborted) process.exit(130);
    report('interrupted, waiting for the program to clean up');
    interruption.abort(new Error('interrupted'));
  });
}

function exitCodeOf(error: Error & { readonly code?: unknown }): number {
  if (interruption.signal.aborted) return 130;
  report(`error: ${error.message}`);
  const usage = error instanceof ConfigError || String(error.code).startsWith('ERR_PARSE_ARGS');
  return usage ? 2 : 1;
}

process.exitCode = await main(process.argv.slice(2)).catch(exitCodeOf);
