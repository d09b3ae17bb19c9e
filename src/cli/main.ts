#!/usr/bin/env node
// The program: reads command line, environment and configuration file, calls one command and turns what comes
// of it into an exit code. Together with its neighbours in this folder it is the only code that knows the
// process; everything below receives what it needs.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { type ConfigText, loadSettings, options } from '../../config/load.ts';
import { didYouMean } from '../../config/nearest.ts';
import type { Settings } from '../../config/schema.ts';
import { locate, packageRoot, STANDARD, versions } from '../app/paths.ts';
import { Tally } from '../app/tally.ts';
import { ConfigError, DataElixirError, OutputError, recognised } from '../errors.ts';
import { patience } from '../files/patience.ts';
import { type CommandLine, parseCommandLine } from './arguments.ts';
import { type Command, commands, reads } from './commands.ts';
import { commandHelp, programHelp } from './help.ts';
import { type LogLevel, TerminalLog } from './log.ts';
import type { MetricsServer } from './metrics-server.ts';
import { refuseOverlaps } from './overlaps.ts';

/** As shells report programs that a signal ended; Node ignores SIGPIPE, and learns of it by an error. */
const SIGNALLED = 128;
const SIGPIPE = 13;

/**
 * V8 lets garbage grow to several times what is alive before it looks, in every thread, and ever later the longer a run
 * lasts. Hardly anything of a stream stays alive, so that looking after half as much again costs little.
 */
const HEAP_GROWING_PERCENT = 50;

async function main(argv: readonly string[]): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  const line = parseCommandLine(argv);
  log = openLog('info', line.values.get('logFormat') ?? process.env.DATAELIXIR_LOG_FORMAT);
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
  if (name === STANDARD || /[/\\]/.test(name) || existsSync(name)) {
    throw new ConfigError(
      `expected a command first, found the path ${name}; to repair a dataset, \`dataelixir purify ${name}\``,
    );
  }
  throw new ConfigError(
    `unknown command "${name}"${didYouMean(
      name,
      commands.map((command) => command.name),
    )}`,
  );
}

async function runCommand(command: Command, line: CommandLine): Promise<void> {
  const settings = readSettings(command, line);
  log = openLog(settings.logLevel, settings.logFormat);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  // a terminal that closes may say it several times
  process.on('SIGHUP', (signal: NodeJS.Signals, number: number) => {
    if (!interruption.signal.aborted) interrupt(signal, number);
  });
  await refuseItsOwnInputs(command, line, settings);
  const run = await command.load();
  const tally = new Tally();
  interruption.signal.addEventListener('abort', () => tally.end());
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

/** @throws {ConfigError} when the command would write over what it reads */
async function refuseItsOwnInputs(
  { name: command }: Command,
  { config }: CommandLine,
  settings: Settings,
): Promise<void> {
  const { placesOf } = await import('./places.ts');
  const find = (path: string) => locate(path, process.cwd());
  const { inputs, outputs } = await placesOf({ command, settings, config, locate: find });
  refuseOverlaps(inputs, outputs);
}

/** Imported when it is asked for: most runs serve nothing. */
async function serve(port: number, host: string, tally: Tally): Promise<MetricsServer> {
  const { MetricsServer } = await import('./metrics-server.ts');
  const server = await MetricsServer.start(port, host, tally);
  log.info('metrics', `at ${server.url}`, { event: 'serving', url: server.url });
  return server;
}

function readSettings(command: Command, { config, values, positionals }: CommandLine): Settings {
  refuseUnread(command, values);
  const args = new Map<string, string | readonly string[]>(values);
  if (positionals.length > 0) {
    if (command.positional === undefined) {
      throw new ConfigError(`expected no argument after ${command.name}, found "${positionals[0]}"`);
    }
    args.set(command.positional.path, positionalValue(command.positional, positionals));
  }
  return loadSettings({
    env: process.env,
    args,
    readPreset: (name) => readConfig(join(packageRoot, 'config', `${name}.yaml`)),
    ...(config === undefined ? {} : { file: readConfig(locate(config, process.cwd())) }),
  });
}

/** Files and the environment serve several commands; what is typed is meant for this one. */
function refuseUnread(command: Command, values: ReadonlyMap<string, string>): void {
  for (const { path, arg } of options) {
    if (!values.has(path) || reads(command, path)) continue;
    const readers = commands.filter((other) => reads(other, path)).map(({ name }) => name);
    throw new ConfigError(
      `expected options that ${command.name} reads, found --${arg}, which only ${readers.join(', ')} read; leave it out`,
    );
  }
}

/** Each argument is one value, whatever characters it has. */
function positionalValue(
  { path, name }: NonNullable<Command['positional']>,
  positionals: readonly string[],
): string | readonly string[] {
  const several = options.some((named) => named.path === path && named.option.format === 'de-texts');
  if (several) return positionals;
  if (positionals.length === 1) return positionals[0]!;
  throw new ConfigError(`expected one ${name}, found ${positionals.join(' ')}; name one`);
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

let log = openLog('info', process.env.DATAELIXIR_LOG_FORMAT);

const interruption = new AbortController();

/** Lines for people on a terminal, or where they are asked for; else JSON. https://no-color.org */
function openLog(level: LogLevel, format: string | undefined): TerminalLog {
  const terminal = process.stderr;
  const human = format === 'human' || (format !== 'json' && terminal.isTTY);
  const color = terminal.isTTY && !process.env.NO_COLOR;
  return new TerminalLog(terminal, level, { format: human ? 'human' : 'json', color });
}

/** Lets what runs unwind and clean up; a second signal ends the process at once. */
function interrupt(signal: NodeJS.Signals, number: number): void {
  log.warn('dataelixir', 'interrupted, cleaning up', { event: 'interrupted', signal });
  // Exiting would abort while a worker computes: native destructors run under its feet.
  for (const second of ['SIGINT', 'SIGTERM'] as const)
    process.once(second, () => process.kill(process.pid, 'SIGKILL'));
  process.exitCode = SIGNALLED + number;
  patience.giveUp();
  interruption.abort(new Error('interrupted'));
}

/** Where an error was made; without its message, which may quote anything. */
function framesOf(error: unknown): string[] {
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  return lines.filter((line) => line.startsWith('    at '));
}

function fail(cause: unknown): void {
  // What breaks off on an interruption is no news.
  if (interruption.signal.aborted) return;
  const error = recognised(cause);
  const message = error instanceof Error ? error.message : String(error);
  const { code, exitCode } = error instanceof DataElixirError ? error : { code: 'failed', exitCode: 1 };
  log.error('dataelixir', message.split('\n')[0]!, { event: 'failed', code, exitCode });
  for (const frame of framesOf(error)) log.debug('dataelixir', frame);
  process.exitCode = exitCode;
}

// A reader that has seen enough (`dataelixir … | head`) is told nothing, but nobody may take the end for a success.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') fail(OutputError.of('stdout', error));
  else process.exitCode ??= SIGNALLED + SIGPIPE;
  interruption.abort(error);
});

// Where nobody hears what is said, the results are still wanted.
process.stderr.on('error', () => undefined);

// What no code awaits ends the run like any other failure.
process.on('uncaughtException', (error) => {
  fail(error);
  interruption.abort(error);
});

await main(process.argv.slice(2)).catch(fail);
if (interruption.signal.aborted) {
  // A record that was begun is written to its end, so that no line is cut; then go, though standard input may be open.
  await taken(process.stdout);
  process.exit();
}

/** Resolves when all that was written is out, or never will be. */
async function taken(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.errored || stream.writableLength === 0) return;
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
