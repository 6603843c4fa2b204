/**
 * What a runner sends to the agent: the headers of its frames, its status and errors, and the guards by which the agent reads
 * them. A tenant may have taken the runner over, so nothing is believed: each field that is used is checked, fields that are
 * not known are dropped, and whatever does not fit is a FrameError.
 */
import type { KernelId, RunId } from '../lib/ids.ts';
import { type DisplayForm, displayRoles, isMediaType, maxDisplayForms } from './display.ts';
import { FrameError } from './frame.ts';
import { fromGeneration3, type Generation3Event } from './generation-3.ts';
import { type Fields, finite, list, object, oneOf, runId, text, whole } from './guards.ts';
import { type InterpreterState, interpreterStates } from './kernel-contexts.ts';
import { type ModelHealth, modelHealths } from './kernel-models.ts';
import { runDescription } from './run-description.ts';
import { endReasons, maxPrompt, type RunEvent, type RunSummary, runPhases } from './run-event.ts';

/** From its start on; only in `ready` runs are executed. */
export type RunnerPhase = 'starting' | 'ready' | 'failed' | 'stopping';

/** The state of a runner, sent at every change. */
export interface RunnerStatus {
  readonly phase: RunnerPhase;
  /** Of the context `main`. */
  readonly interpreter: InterpreterState;
  /** Why the phase or the interpreter is `failed`; else empty. */
  readonly detail: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Bytes that the container's log could not take. */
  readonly logBytesDropped: number;
  /** Of the models that the kernel serves. */
  readonly models: readonly ModelHealth[];
}

/** The header of a frame that a runner sends. */
export type RunnerFrameHeader =
  | {
      readonly t: 'welcome';
      readonly protocol: number;
      readonly kernelId: KernelId;
      readonly generation: number;
      readonly status: RunnerStatus;
      readonly runs: readonly RunSummary[];
    }
  | { readonly t: 'refused'; readonly reason: 'secret' | 'protocol' | 'form'; readonly text: string }
  | { readonly t: 'status'; readonly status: RunnerStatus }
  /** A run changed its phase; sent whether or not the agent is attached to it. */
  | { readonly t: 'run'; readonly summary: RunSummary }
  /** A numbered event; its bytes are the frame's body. */
  | {
      readonly t: 'event';
      readonly run: RunId;
      readonly n: number;
      readonly event: RunEvent;
      /** For which of several readers; absent: for the one that the run has. */
      readonly reader?: number;
    }
  | { readonly t: 'reply'; readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly t: 'reply'; readonly id: number; readonly ok: false; readonly error: RunnerError }
  /** A piece of a download (`file` connections), or bytes of the port (`port` connections). */
  | { readonly t: 'data' }
  | { readonly t: 'end' };

/** The header of an event as a runner sends it, perhaps to an agent of an older generation. */
export interface SentEventHeader {
  readonly t: 'event';
  readonly run: RunId;
  readonly n: number;
  readonly event: RunEvent | Generation3Event;
}

/** An error of a request; `code` is one of the agent's error codes. */
export interface RunnerError {
  readonly code: RunnerErrorCode;
  readonly message: string;
}

/** Codes that the runner answers with: a part of the registry in `lib/error-codes.ts`. */
export const runnerErrorCodes = [
  'INVALID_ARGUMENT',
  'FORBIDDEN_PATH',
  'FILE_NOT_FOUND',
  'FILE_EXISTS',
  'FILE_ERROR',
  'RUN_NOT_FOUND',
  'RUN_EXISTS',
  'CONTEXT_NOT_FOUND',
  'CONTEXT_EXISTS',
  'PORT_CLOSED',
  'PORT_FAILED',
  'NOT_SUPPORTED',
  'OVERLOADED',
  'SHUTTING_DOWN',
  'INTERNAL',
] as const;

/** The code of a runner's error. */
export type RunnerErrorCode = (typeof runnerErrorCodes)[number];

const runnerPhases: readonly RunnerPhase[] = ['starting', 'ready', 'failed', 'stopping'];
const refusals = ['secret', 'protocol', 'form'] as const;
const kernelIdForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Texts of the runner that are shown to people are cut to this many characters. */
const maxText = 4096;
/** More runs than a runner keeps: 256 that wait, 80 that run, 64 that have finished and as many that nobody has read. */
const maxRuns = 1_000;

/** Reads the header of a frame that a runner sent with so many bytes behind it. Throws FrameError when it is not one. */
export function parseRunnerFrameHeader(header: unknown, bodyBytes: number): RunnerFrameHeader {
  const fields = object(header, 'header');
  switch (fields['t']) {
    case 'event': {
      const event = runEvent(fields['event'], bodyBytes);
      const reader = fields['reader'] === undefined ? {} : { reader: whole(fields['reader'], 'reader', 1) };
      return { t: 'event', run: runId(fields['run']), n: whole(fields['n'], 'n', 1), event, ...reader };
    }
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
      return { t: 'refused', reason: oneOf(fields['reason'], refusals, 'reason'), text: shown(fields['text'], 'text') };
    default:
      throw new FrameError('header of an unknown type');
  }
}

/** Reads the state of a runner. Throws FrameError. */
export function parseRunnerStatus(value: unknown): RunnerStatus {
  const fields = object(value, 'status');
  return {
    phase: oneOf(fields['phase'], runnerPhases, 'phase'),
    interpreter: oneOf(fields['interpreter'], interpreterStates, 'interpreter'),
    detail: shown(fields['detail'], 'detail'),
    startedAt: finite(fields['startedAt'], 'startedAt'),
    logBytesDropped: whole(fields['logBytesDropped'], 'logBytesDropped', 0),
    // Runners of older versions serve none.
    models: modelHealths(fields['models'] ?? []),
  };
}

function welcome(fields: Fields): RunnerFrameHeader {
  const kernelId = fields['kernelId'];
  if (typeof kernelId !== 'string' || !kernelIdForm.test(kernelId)) throw new FrameError('kernelId is not a UUID');
  return {
    t: 'welcome',
    protocol: whole(fields['protocol'], 'protocol', 1),
    kernelId: kernelId as KernelId,
    generation: whole(fields['generation'], 'generation', 0),
    status: parseRunnerStatus(fields['status']),
    runs: list(fields['runs'], 'runs', maxRuns).map(runSummary),
  };
}

function reply(fields: Fields): RunnerFrameHeader {
  const id = whole(fields['id'], 'id', 0);
  if (fields['ok'] === true) return { t: 'reply', id, ok: true, result: fields['result'] };
  if (fields['ok'] !== false) throw new FrameError('ok is not a boolean');
  const error = object(fields['error'], 'error');
  return {
    t: 'reply',
    id,
    ok: false,
    error: { code: oneOf(error['code'], runnerErrorCodes, 'code'), message: shown(error['message'], 'message') },
  };
}

function runSummary(value: unknown): RunSummary {
  const fields = object(value, 'summary');
  const { exitCode, reason } = fields;
  return {
    run: runId(fields['run']),
    phase: oneOf(fields['phase'], runPhases, 'phase'),
    last: whole(fields['last'], 'last', 0),
    oldest: whole(fields['oldest'], 'oldest', 0),
    exitCode: exitCode === null ? null : whole(exitCode, 'exitCode'),
    reason: reason === null ? null : oneOf(reason, endReasons, 'reason'),
    ...runDescription(fields),
  };
}

function runEvent(value: unknown, bodyBytes: number): RunEvent {
  const fields = object(value, 'event');
  const kind = fields['kind'];
  switch (kind) {
    case 'started':
    case 'stdout':
    case 'stderr':
      return { kind };
    case 'queued':
      return { kind, behind: runId(fields['behind']) };
    case 'dropped':
      return { kind, upTo: whole(fields['upTo'], 'upTo', 0) };
    case 'display': {
      const forms = displayForms(fields['forms'], 'forms');
      if (forms.reduce((sum, { bytes }) => sum + bytes, 0) !== bodyBytes) {
        throw new FrameError('the forms of a value do not make up its body');
      }
      const omitted = displayForms(fields['omitted'], 'omitted');
      return { kind, role: oneOf(fields['role'], displayRoles, 'role'), forms, omitted };
    }
    case 'error':
      return { kind, name: shown(fields['name'], 'name'), message: shown(fields['message'], 'message') };
    // Runners of generation 3 and older have one form of each value.
    case 'html':
      return fromGeneration3('text/html', bodyBytes);
    case 'media':
      return fromGeneration3(mediaType(fields['type']), bodyBytes);
    case 'waiting-input':
      return { kind, prompt: shown(fields['prompt'], 'prompt', maxPrompt), password: fields['password'] === true };
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

function displayForms(value: unknown, what: string): readonly DisplayForm[] {
  return list(value, what, maxDisplayForms).map((item) => {
    const fields = object(item, 'form');
    return { type: mediaType(fields['type']), bytes: whole(fields['bytes'], 'bytes', 0) };
  });
}

function mediaType(value: unknown): string {
  if (typeof value !== 'string' || !isMediaType(value)) throw new FrameError('type is not a media type');
  return value;
}

/** A text of the runner's that people will see; what is too long is cut, and no reason to drop the frame. */
function shown(value: unknown, what: string, longest = maxText): string {
  const full = text(value, what);
  // A part of a text keeps all of it in memory, unless it is copied.
  return full.length > longest ? `${Buffer.from(full.slice(0, longest)).toString()}…` : full;
}
