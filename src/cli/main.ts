#!/usr/bin/env node
// The program: reads command line, environment and configuration file, calls one command and turns what comes
// of it into an exit code. Together with its neighbours in this folder it is the only code that knows the
// process; everything below receives what it needs.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConfigText, loadSettings } from '../../config/load.ts';
import { didYouMean } from '../../config/nearest.ts';
import type { Settings } from '../../config/schema.ts';
import { ConfigError, DataElixirError } from '../errors.ts';
import { type CommandLine, parseCommandLine } from './arguments.ts';
import { type Command, commands } from './commands.ts';
import { commandHelp, programHelp } from './help.ts';
import { Log } from './log.ts';
import type { MetricsServer } from './metrics-server.ts';
import { locate, packageRoot, versions } from './paths.ts';
import { Tally } from './tally.ts';

const INTERRUPTED = 130;

async function main(argv: readonly string[]): Promise<void> {
  const line = parseCommandLine(argv);
  const command = line.command === undefined ? undefined : findCommand(line.command);
  if (line.version) process.stdout.write(`${versions().dataelixir}\n`);
  else if (line.help) process.stdout.write(command === undefined ? programHelp() : commandHelp(command));
  else if (command === undefined)
    throw new ConfigError('expected a command, found none; `dataelixir --help` lists them');
  else await runCommand(command, line);
}

function findCommand(name: string): Command {
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  throw new ConfigError(
    `unknown command "${name}"${didYouMean(
      name,
      commands.map((command) => command.name),
    )}`,
  );
}

async function runCommand(command: Command, line: CommandLine): Promise<void> {
  const settings = readSettings(command, line);
  log = new Log(process.stderr, settings.logLevel);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  const run = await command.load();
  const tally = new Tally();
  const { port } = settings.metrics;
  const serving = port === null ? undefined : await serve(port, settings.metrics.host, tally);
  await run({
    settings,
    log,
    tally,
    signal: interruption.signal,
    stdin: process.stdin,
    stdout: process.stdout,
    locate: (path) => locate(path, process.cwd()),
  }).finally(() => serving?.close());
}

/** Imported when it is asked for: most runs serve nothing. */
async function serve(port: number, host: string, tally: Tally): Promise<MetricsServer> {
  const { MetricsServer } = await import('./metrics-server.ts');
  const server = await MetricsServer.start(port, host, tally);
  log.info('metrics', `at ${server.url}`);
  return server;
}

function readSettings(command: Command, { config, values, positionals }: CommandLine): Settings {
  const args = new Map(values);
  if (positionals.length > 0) {
    if (command.positional === undefined) {
      throw new ConfigError(`expected no argument after ${command.name}, found "${positionals[0]}"`);
    }
    args.set(command.positional.path, positionals.join(','));
  }
  return loadSettings({
    env: process.env,
    args,
    readPreset: (name) => readConfig(join(packageRoot, 'config', `${name}.yaml`)),
    ...(config === undefined ? {} : { file: readConfig(locate(config, process.cwd())) }),
  });
}

function readConfig(path: string): ConfigText {
  try {
    return { name: path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new ConfigError(`cannot read the configuration file ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

let log = new Log(process.stderr, 'info');
const interruption = new AbortController();

/** Lets what runs unwind and clean up; a second signal ends the process at once. */
function interrupt(): void {
  log.warn('dataelixir', 'interrupted, cleaning up');
  // Exiting would abort while a worker computes: native destructors run under its feet.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.kill(process.pid, 'SIGKILL'));
  process.exitCode = INTERRUPTED;
  interruption.abort(new Error('interrupted'));
}

function fail(error: unknown): void {
  // What breaks off on an interruption is no news.
  if (interruption.signal.aborted) return;
  const message = error instanceof Error ? error.message : String(error);
  log.error('dataelixir', message.split('\n')[0]!);
  if (error instanceof Error) log.debug('dataelixir', error.stack ?? message);
  process.exitCode = error instanceof DataElixirError ? error.exitCode : 1;
}

// A reader that has seen enough (`dataelixir … | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') fail(error);
  interruption.abort(error);
});

// What no code awaits ends the run like any other failure.
process.on('uncaughtException', (error) => {
  fail(error);
  interruption.abort(error);
});

await main(process.argv.slice(2)).catch(fail);
// Standard input may still be open after an interruption.
if (interruption.signal.aborted) process.exit();
