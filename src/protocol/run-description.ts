/** What a run is, beside where it stands: said by runners, which nobody believes more than the form of it. */
import { contextOf, type ExecuteRequest } from './execute-request.ts';
import { FrameError } from './frame.ts';
import { type Fields, finite, isAbsent, object, oneOf, text, whole } from './guards.ts';
import { contextName } from './kernel-contexts.ts';

/** What a program has used from its start to its end. */
export interface ProgramUsage {
  /** CPU time of it and of all that it waited for, in steps of 10 ms; what ended in the same moment may be counted in. */
  readonly cpuMs: number;
  /** The most memory that its process had by the last look, which a program of a second has behind its half; null: no look. */
  readonly peakBytes: number | null;
}

/** What a run is. Runners of older generations say nothing of it. */
export interface RunDescription {
  /** null: it is not said. */
  readonly mode: ExecuteRequest['mode'] | null;
  /** In whose order a query or batch run runs. */
  readonly context: string | null;
  /** Of a program or command that has one; unique among the runs that have not ended. */
  readonly name: string | null;
  /** Of a program or command: what was asked to run, on one line and cut to `maxCommand` characters. */
  readonly command: string | null;
  /** `newest`: it waits for no reader, has any number of them, and its oldest output goes when there is too much. */
  readonly output: 'wait' | 'newest';
  /** Whether it runs on a terminal. */
  readonly tty: boolean;
  /** The process of a program or command, and its process group, as the kernel's programs see them. */
  readonly pid: number | null;
  /** When it began, in milliseconds since the epoch. */
  readonly startedAt: number | null;
  /** Of a program or command that has ended. */
  readonly usage: ProgramUsage | null;
}

/** Characters that are told of a command. */
const maxCommand = 200;
const modes = ['query', 'batch', 'program', 'command'] as const;
const outputs = ['wait', 'newest'] as const;
const nameForm = /^[A-Za-z0-9._-]{1,64}$/;

/** A run of which nothing is said. */
export const undescribed: RunDescription = {
  mode: null,
  context: null,
  name: null,
  command: null,
  output: 'wait',
  tty: false,
  pid: null,
  startedAt: null,
  usage: null,
};

/** The description of a run that has not begun. */
export function describe(request: ExecuteRequest): RunDescription {
  const about = { ...undescribed, mode: request.mode, context: contextOf(request) };
  if (request.mode !== 'program' && request.mode !== 'command') return about;
  const { name = null, tty, output = 'wait' } = request;
  const kept = tty ? 'newest' : output;
  return { ...about, name, output: kept, tty: tty !== undefined, command: commandOf(request) };
}

/** Reads what a runner says of a run. Throws FrameError. */
export function runDescription(fields: Fields): RunDescription {
  const { mode, context, name, command, output, pid, startedAt } = fields;
  // Runners of older generations say nothing.
  if (mode === undefined) return undescribed;
  return {
    mode: mode === null ? null : oneOf(mode, modes, 'mode'),
    context: context === null ? null : contextName(context),
    name: name === null ? null : runName(name),
    command: command === null ? null : text(command, 'command', maxCommand),
    output: oneOf(output, outputs, 'output'),
    // Runners of generation 4 have none.
    tty: fields['tty'] === true,
    pid: pid === null ? null : whole(pid, 'pid', 1),
    startedAt: startedAt === null ? null : finite(startedAt, 'startedAt'),
    // Nor do they say what was used.
    usage: isAbsent(fields['usage']) ? null : programUsage(fields['usage']),
  };
}

function programUsage(value: unknown): ProgramUsage {
  const { cpuMs, peakBytes } = object(value, 'usage');
  return {
    cpuMs: whole(cpuMs, 'cpuMs', 0),
    peakBytes: peakBytes === null ? null : whole(peakBytes, 'peakBytes', 0),
  };
}

/** Reads the name of a run. Throws FrameError. */
export function runName(value: unknown): string {
  const name = text(value, 'name');
  if (!nameForm.test(name)) throw new FrameError('name is not the name of a run');
  return name;
}

/** Words with odd characters are quoted as JSON has it. */
function commandOf(request: Extract<ExecuteRequest, { mode: 'program' | 'command' }>): string {
  const words = request.mode === 'command' ? request.argv : [sourceOf(request.source), ...request.args];
  let line = '';
  for (const word of words) {
    const shown = word.slice(0, maxCommand + 1);
    line += `${line === '' ? '' : ' '}${/^[\w./:=@%+,-]+$/.test(shown) ? shown : JSON.stringify(shown)}`;
    if (line.length > maxCommand) return `${line.slice(0, maxCommand - 1).toWellFormed()}…`;
  }
  return line;
}

function sourceOf(source: Extract<ExecuteRequest, { mode: 'program' }>['source']): string {
  if (source.from === 'file') return source.path;
  return source.from === 'stdin' ? '-' : source.code;
}
