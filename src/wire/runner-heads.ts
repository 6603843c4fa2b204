/**
 * Guards for the heads that a runner sends. A tenant may have taken the runner over, so nothing is believed: each field
 * that is used is checked, fields that are not known are dropped, and whatever does not fit is a FrameError.
 */
import type { KernelId, RunId } from '../lib/ids.ts';
import { FrameError } from './frame.ts';
import { endReasons, type RunEvent, type RunSummary, runPhases } from './run-event.ts';
import type { InterpreterState, RunnerError, RunnerHead, RunnerPhase, RunnerStatus } from './runner-messages.ts';

/** JSON of any shape. */
type Fields = Readonly<Record<string, unknown>>;

const runnerPhases: readonly RunnerPhase[] = ['starting', 'ready', 'failed', 'stopping'];
const interpreterStates: readonly InterpreterState[] = ['none', 'idle', 'starting', 'ready', 'failed'];
const refusals = ['secret', 'protocol', 'form'] as const;
const runnerErrorCodes: readonly RunnerError['code'][] = [
  'INVALID_ARGUMENT',
  'FORBIDDEN_PATH',
  'FILE_NOT_FOUND',
  'FILE_ERROR',
  'RUN_NOT_FOUND',
  'RUN_EXISTS',
  'NOT_SUPPORTED',
  'OVERLOADED',
  'SHUTTING_DOWN',
  'INTERNAL',
];
const runIdForm = /^[A-Za-z0-9._-]{1,64}$/;
const kernelIdForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const mediaTypeForm = /^[\w.+-]{1,64}\/[\w.+-]{1,64}(;.{0,128})?$/;
/** Texts of the runner that are shown to people are cut to this many characters. */
const longestText = 4096;
const longestPrompt = 65_536;
/** More runs than a runner keeps. */
const mostRuns = 10_000;

/** Reads a head that a runner sent. Throws FrameError when it is not one. */
export function parseRunnerHead(head: unknown): RunnerHead {
  const fields = object(head, 'head');
  switch (fields['t']) {
    case 'event':
      return { t: 'event', run: runId(fields['run']), n: count(fields['n'], 'n', 1), event: runEvent(fields['event']) };
    case 'reply':
      return reply(fields);
    case 'run':
      return { t: 'run', summary: runSummary(fields['summary']) };
    case 'status':
      return { t: 'status', status: parseRunnerStatus(fields['status']) };
    case 'data':
      return { t: 'data' };
    case 'end':
      return { t: 'end' };
    case 'welcome':
      return welcome(fields);
    case 'refused':
      return { t: 'refused', reason: oneOf(fields['reason'], refusals, 'reason'), text: text(fields['text'], 'text') };
    default:
      throw new FrameError('head of an unknown type');
  }
}

/** Reads the state of a runner. Throws FrameError. */
export function parseRunnerStatus(value: unknown): RunnerStatus {
  const fields = object(value, 'status');
  return {
    phase: oneOf(fields['phase'], runnerPhases, 'phase'),
    interpreter: oneOf(fields['interpreter'], interpreterStates, 'interpreter'),
    detail: text(fields['detail'], 'detail'),
    startedAt: finite(fields['startedAt'], 'startedAt'),
    logBytesDropped: count(fields['logBytesDropped'], 'logBytesDropped', 0),
  };
}

function welcome(fields: Fields): RunnerHead {
  const runs = fields['runs'];
  if (!Array.isArray(runs) || runs.length > mostRuns) throw new FrameError('runs is not a list of a sensible length');
  const kernelId = fields['kernelId'];
  if (typeof kernelId !== 'string' || !kernelIdForm.test(kernelId)) throw new FrameError('kernelId is not a UUID');
  return {
    t: 'welcome',
    protocol: count(fields['protocol'], 'protocol', 1),
    kernelId: kernelId as KernelId,
    generation: count(fields['generation'], 'generation', 0),
    status: parseRunnerStatus(fields['status']),
    runs: runs.map(runSummary),
  };
}

function reply(fields: Fields): RunnerHead {
  const id = count(fields['id'], 'id', 0);
  if (fields['ok'] === true) return { t: 'reply', id, ok: true, result: fields['result'] };
  if (fields['ok'] !== false) throw new FrameError('ok is not a boolean');
  const error = object(fields['error'], 'error');
  return {
    t: 'reply',
    id,
    ok: false,
    error: { code: oneOf(error['code'], runnerErrorCodes, 'code'), message: text(error['message'], 'message') },
  };
}

function runSummary(value: unknown): RunSummary {
  const fields = object(value, 'summary');
  const { exitCode, reason } = fields;
  return {
    run: runId(fields['run']),
    phase: oneOf(fields['phase'], runPhases, 'phase'),
    last: count(fields['last'], 'last', 0),
    oldest: count(fields['oldest'], 'oldest', 0),
    exitCode: exitCode === null ? null : whole(exitCode, 'exitCode'),
    reason: reason === null ? null : oneOf(reason, endReasons, 'reason'),
  };
}

function runEvent(value: unknown): RunEvent {
  const fields = object(value, 'event');
  const kind = fields['kind'];
  switch (kind) {
    case 'started':
    case 'stdout':
    case 'stderr':
    case 'html':
      return { kind };
    case 'media': {
      const type = fields['type'];
      if (typeof type !== 'string' || !mediaTypeForm.test(type)) throw new FrameError('type is not a media type');
      return { kind, type };
    }
    case 'waiting-input':
      return { kind, prompt: text(fields['prompt'], 'prompt', longestPrompt), password: fields['password'] === true };
    case 'clean-finished':
    case 'build-finished':
      return { kind, exitCode: whole(fields['exitCode'], 'exitCode') };
    case 'finished':
      return {
        kind,
        exitCode: whole(fields['exitCode'], 'exitCode'),
        reason: oneOf(fields['reason'], endReasons, 'reason'),
      };
    default:
      throw new FrameError('event of an unknown kind');
  }
}

function object(value: unknown, what: string): Fields {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new FrameError(`${what} is not an object`);
  }
  return value as Fields;
}

function runId(value: unknown): RunId {
  if (typeof value !== 'string' || !runIdForm.test(value)) throw new FrameError('run is not a run id');
  return value as RunId;
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], what: string): T {
  const found = allowed.find((item) => item === value);
  if (found === undefined) throw new FrameError(`${what} is none of ${allowed.join(', ')}`);
  return found;
}

function text(value: unknown, what: string, longest = longestText): string {
  if (typeof value !== 'string') throw new FrameError(`${what} is not a text`);
  return value.length > longest ? `${value.slice(0, longest)}…` : value;
}

function finite(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new FrameError(`${what} is not a number`);
  return value;
}

function whole(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value)) throw new FrameError(`${what} is not a whole number`);
  return value as number;
}

function count(value: unknown, what: string, least: number): number {
  const number = whole(value, what);
  if (number < least) throw new FrameError(`${what} is below ${least}`);
  return number;
}
