// The text of `--help`, made from the schema and the table of commands: every option with its unit, range and
// default, the order in which they count, and the exit codes.

import { type NamedOption, options } from '../../config/load.ts';
import { describe } from '../../config/options.ts';
import { type Command, commands, reads } from './commands.ts';

const EXIT_CODES = `Exit codes:
  0    done
  1    failed
  2    wrong configuration or usage
  3    dataset missing, empty or unreadable
  4    weights damaged, unsafe or of another network
  5    compute engine missing or failed
  6    state in use, of another purification or of a later version
  7    output in use, or refused by the disk
  8    poison found, with --fail-on
  75   something could not be read that may pass; run it again
  129  hung up (SIGHUP)
  130  interrupted (SIGINT)
  141  the reader of stdout ended early (EPIPE)
  143  terminated (SIGTERM)`;

const PRECEDENCE = `Every option can stand in the YAML file (diffusion.rounds), in the environment
(DATAELIXIR_DIFFUSION_ROUNDS) and on the command line (--diffusion-rounds); the later one counts.
Lists are separated by commas in the environment and on the command line. What is true or false
stands alone there (--overwrite), with its value (--overwrite true), or with no- (--no-overwrite).
On the command line an option that the command does not read is refused.`;

const FILE_OPTIONS = `  --config FILE, -c FILE
      YAML file with options; files of the package, such as config/demo.yaml, are found from anywhere.
  --help, -h
      This text; after a command, the options that it reads.
  --version, -v
      Version of the program.`;

/** Help of the program. */
export function programHelp(): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const list = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n');
  return `dataelixir: repairs image datasets that may be poisoned with a backdoor.

Usage: dataelixir COMMAND [options]

Commands:
${list}

Options:
${FILE_OPTIONS}
${optionLines(options)}

${PRECEDENCE}

${EXIT_CODES}
`;
}

/** Help of one command: only the options that it reads. */
export function commandHelp(command: Command): string {
  const { name, summary, positional } = command;
  const read = options.filter(({ path }) => reads(command, path));
  const usage = positional === undefined ? '' : ` [${positional.name}]`;
  const meaning =
    positional === undefined ? '' : `\n${positional.name} stands for the option ${positional.path}.\n`;
  return `dataelixir ${name}: ${summary}

Usage: dataelixir ${name}${usage} [options]
${meaning}
Options:
${FILE_OPTIONS}
${optionLines(read)}

${PRECEDENCE}

${EXIT_CODES}
`;
}

function optionLines(list: readonly NamedOption[]): string {
  return list.map(({ arg, option }) => `  --${arg}  ${values(option)}\n      ${option.doc}`).join('\n');
}

function values(option: NamedOption['option']): string {
  const unit = option.unit === undefined ? '' : ` [${option.unit}]`;
  return `${describe(option)}${unit}; default ${defaultText(option.default)}`;
}

function defaultText(value: unknown): string {
  if (value === null) return 'not set';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(',');
  return String(value);
}
