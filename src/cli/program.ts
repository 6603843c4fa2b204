/** The command line: reads arguments, runs one command, says what went wrong. The only module that knows commander. */
import { Command, CommanderError, Option } from 'commander';
import { isSystemError } from '../lib/system-error.ts';
import {
  type CliCommand,
  type CommandEntry,
  commonOptions,
  type Example,
  type OptionSpec,
  usageOf,
} from './command.ts';
import { commandTable } from './commands/index.ts';
import { daemonStatusOf, exitStatus } from './exit-status.ts';
import { findCommand, groups } from './find-command.ts';
import { answerTo, meant } from './habits.ts';
import type { CliHost, CliIo } from './host.ts';
import { EndedBySignal, Interruption } from './interruption.ts';
import { OptionReader, UsageError } from './option-reader.ts';
import { reportError } from './report-error.ts';
import { Screen } from './screen.ts';

/**
 * Runs one command line (without the program's own name) and returns the exit status. `more` are commands beside those of
 * `commands/index.ts`, which help lists behind them. Never rejects.
 */
export async function runCli(
  argv: readonly string[],
  host: CliHost,
  more: readonly CommandEntry[] = [],
): Promise<number> {
  const table = [...commandTable, ...more];
  const literal = argv.indexOf('--');
  const screen = new Screen(host.io, (literal < 0 ? argv : argv.slice(0, literal)).includes('--json'));
  const words = meant(argv);
  try {
    return await dispatch(words, { host, screen, table });
  } catch (error) {
    if (error instanceof EndedBySignal) return host.io.dieBySignal(error.signal);
    if (isSystemError(error, 'EPIPE')) return exitStatus.brokenPipe;
    return await reportError(screen, error, `\`${helpCommand(words, table)}\` shows how.`);
  }
}

/** The command line whose help explains what was wrong in this one. */
function helpCommand(argv: readonly string[], table: readonly CommandEntry[]): string {
  const place = findCommand(table, argv)?.name ?? groups.find(({ name }) => name === argv[0])?.name;
  return ['kernelet', ...(place === undefined ? [] : [place]), '--help'].join(' ');
}

interface Dispatching {
  readonly host: CliHost;
  readonly screen: Screen;
  readonly table: readonly CommandEntry[];
}

async function dispatch(argv: readonly string[], { host, screen, table }: Dispatching): Promise<number> {
  const printed: string[] = [];
  const newCommand = commandMaker(host.io, printed);
  const program = newCommand('kernelet')
    .description('Runs code in containers.')
    .enablePositionalOptions()
    .version(host.version, '-V, --version', 'print the version');
  addOptions(program, commonOptions);
  program.addHelpText('after', rootHelp);
  let status: number = exitStatus.ok;
  const chosen = findCommand(table, argv);
  const parents = new Map<string, Command>([['', program]]);
  for (const entry of table) {
    const [word = '', group = ''] = entry.name.split(' ').reverse();
    if (!parents.has(group)) parents.set(group, addGroup(program, newCommand(group)));
    const loaded = entry === chosen ? await entry.load() : null;
    const command = newCommand(word).summary(entry.summary);
    if (loaded) {
      define(command, loaded, argv, async (values, operands, dashes) => {
        const options = new OptionReader({ ...program.opts(), ...values });
        screen.json = options.flag('json');
        status = await runListening(host.io, (listen) =>
          loaded.run({ host, screen, options, operands, table, literal: dashes, listen }),
        ).catch(async (error: unknown) => {
          if (!loaded.isDaemon) throw error;
          await reportError(screen, error, `\`${helpCommand(argv, table)}\` shows how.`);
          return daemonStatusOf(error);
        });
      });
    }
    parents.get(group)?.addCommand(command);
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return await settle(error, printed, screen, answerTo(error.code, argv));
  }
  return status;
}

/** Runs a command with the signals that it asks to listen to. */
async function runListening(io: CliIo, run: (listen: () => Interruption) => Promise<number>): Promise<number> {
  let interruption: Interruption | undefined;
  try {
    return await run(() => {
      interruption ??= new Interruption(io);
      return interruption;
    });
  } catch (error) {
    // What is said meanwhile (a cancelled creation, a write that was stuck) follows from the signal.
    throw interruption?.signal.aborted ? interruption.signal.reason : error;
  } finally {
    interruption?.[Symbol.dispose]();
  }
}

/** Help and version are results; everything else that commander throws is a usage error. */
async function settle(
  error: CommanderError,
  printed: readonly string[],
  screen: Screen,
  cure: string | undefined,
): Promise<number> {
  if (error.exitCode === 0) {
    await screen.io.stdout.write(printed.join(''));
    return exitStatus.ok;
  }
  if (error.code === 'commander.help') {
    if (screen.json) throw new UsageError('no command is named');
    await screen.io.stderr.write(printed.join(''));
    return exitStatus.usage;
  }
  const [message = '', ...hints] = error.message.replace(/^error: /, '').split('\n');
  const hint = hints.length > 0 && cure === undefined ? ` ${hints.join(' ')}` : '';
  throw new UsageError(`${message}${hint}`, cure);
}

/** Makes commands whose help has the width of the terminal, and whose texts are collected. */
function commandMaker({ stdout, stderr }: CliIo, printed: string[]): (name: string) => Command {
  const write = (text: string): void => void printed.push(text);
  const output = {
    ...{ writeOut: write, writeErr: write },
    getOutHelpWidth: () => stdout.columns,
    getErrHelpWidth: () => stderr.columns,
  };
  return (name) =>
    new Command(name)
      .exitOverride()
      .allowExcessArguments(false)
      .helpOption('-h, --help', 'show this help')
      .helpCommand(false)
      .configureHelp({ showGlobalOptions: false })
      .configureOutput(output);
}

function addGroup(program: Command, command: Command): Command {
  const { summary = '' } = groups.find((group) => group.name === command.name()) ?? {};
  command.summary(summary).description(`Commands for ${summary}.`);
  program.addCommand(command);
  return command;
}

function addOptions(command: Command, specs: readonly OptionSpec[]): void {
  for (const { flags, help, repeat, choices } of specs) {
    const option = new Option(flags, help);
    if (choices) option.choices([...choices]);
    if (repeat) option.argParser((text: string, list: readonly string[] | undefined) => [...(list ?? []), text]);
    command.addOption(option);
  }
}

/** Sentences without line breaks of their own, so that the terminal's width decides; what is indented is as it is written. */
const reflowed = (text: string): string => text.replaceAll(/(?<=\S)\n(?=\S)/g, ' ');

type Action = (values: Record<string, unknown>, operands: readonly string[], dashes: boolean) => Promise<void>;

function define(command: Command, spec: CliCommand, words: readonly string[], action: Action): void {
  command.description(reflowed(spec.description));
  addOptions(command, [...spec.options, ...commonOptions]);
  for (const { flags, refusal } of spec.retired ?? []) {
    const refuse = (): never => {
      throw new UsageError(`${flags}: ${refusal}`);
    };
    command.addOption(new Option(flags).hideHelp().argParser(refuse));
  }
  command.addHelpText('after', examplesText(spec.examples));
  command.usage(usageOf(spec));
  if (spec.passThrough === undefined) {
    for (const operand of spec.operands) command.argument(operand);
    command.action(() => action(command.opts(), command.args, false));
    return;
  }
  command.argument('[operands...]').passThroughOptions();
  command.action(async () => {
    const [first, ...rest] = command.args;
    // Commander swallows the first `--` itself, unless an operand stands before it.
    const swallowed = words.length - words.indexOf('--') - 1 === command.args.length;
    if (spec.passThrough === 'after-second' && words.includes('--') && swallowed) return await action({}, [], true);
    if (spec.passThrough === 'after-first' || first === undefined) {
      return await action(command.opts(), command.args, false);
    }
    // The options behind the first operand: parsed by the same definitions, up to the second operand.
    const { operands, unknown } = command.parseOptions(rest);
    const [stranger] = unknown;
    if (stranger?.startsWith('-') && stranger !== '-') throw new UsageError(`unknown option '${stranger}'`);
    const dashes = rest[rest.length - operands.length - 1] === '--';
    await action(command.opts(), [first, ...operands, ...unknown], dashes);
  });
}

/** What stands below the list of commands. */
const rootHelp = `
Start here:
  kernelet run hello.py                 run a file in a fresh container, once
  kernelet run -c 'print(6 * 7)'        the same for a piece of code
  kernelet serve                        the daemon, for kernels that stay
  kernelet create --lang python         a kernel; prints its id
  kernelet exec ID -c 'x = 1'           state is kept between calls

\`kernelet COMMAND --help\` explains a command. Exit status: the program's own;
128 + n after signal n; 137 at a limit of time, memory or output; 125 when
kernelet itself failed; 2 for a wrong command line.
`;

/** The examples of a command. */
function examplesText(examples: readonly Example[]): string {
  const lines = examples.map(({ command, what }) => `  # ${what}\n  ${command}\n`);
  return lines.length === 0 ? '' : `\nExamples:\n${lines.join('\n')}`;
}
