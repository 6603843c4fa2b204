/** The options of whatever runs a command in a kernel, and what the request says for them. */
import type { ExecuteRequest } from './api-client.ts';
import type { OptionSpec } from './command.ts';
import type { CliIo } from './host.ts';
import { environOf } from './kernel-options.ts';
import type { OptionReader } from './option-reader.ts';

/** Of whatever shows a terminal; `parseDetachKeys` reads it. */
export const detachKeysOption: OptionSpec = {
  flags: '--detach-keys <keys>',
  help: 'what leaves the terminal, ctrl-p,ctrl-q when absent',
};

export const workdirOption: OptionSpec = { flags: '-w, --workdir <folder>', help: 'the folder in which it runs' };

/** What `processFields` reads. */
export const processOptions: readonly OptionSpec[] = [
  { flags: '--name <name>', help: 'a name, by which attach and kill find it' },
  workdirOption,
  { flags: '-e, --env <name=value>', help: 'variable; without a value, it is taken from here', repeat: true },
];

type CommandRequest = Extract<ExecuteRequest, { readonly mode: 'command' }>;

/** Fields of a request; undefined: the option was not given. Throws UsageError. */
export function processFields(options: OptionReader, io: CliIo): Pick<CommandRequest, 'name' | 'cwd' | 'environ'> {
  const environ = options.has('env') ? environOf(options.list('env'), io) : undefined;
  return { name: options.text('name'), cwd: options.text('workdir'), environ };
}

/** What `processLimits` reads. */
export const limitOptions: readonly OptionSpec[] = [
  { flags: '--cpu-limit <duration>', help: 'seconds of CPU time of each process of the command' },
  { flags: '--mem-limit <size>', help: 'address space of each process of the command' },
  { flags: '--output-limit <size>', help: 'kill the command when it has printed so much' },
];

/** Limits of a request, whose CPU time is in whole seconds; undefined: none is given. Throws UsageError. */
export function processLimits(options: OptionReader): CommandRequest['limits'] {
  const cpuMs = options.duration('cpu-limit');
  const limits = {
    cpuSeconds: cpuMs === undefined ? undefined : Math.ceil(cpuMs / 1000),
    memoryBytes: options.byteSize('mem-limit'),
    outputBytes: options.byteSize('output-limit'),
  };
  return Object.values(limits).every((limit) => limit === undefined) ? undefined : limits;
}
