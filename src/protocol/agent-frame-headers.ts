/**
 * Guards for the heads that an agent sends. The runner is root inside the container and its socket is root's alone, but
 * it checks every field all the same: a defect of the agent then ends one connection, not a kernel.
 */
import type { ExecuteRequest, ProgramSource } from './execute-request.ts';
import { FrameError } from './frame.ts';
import { type Fields, flag, list, object, oneOf, runId, text, whole } from './guards.ts';
import { serviceOptions } from './kernel-services.ts';
import type { AgentFrameHeader, RunnerMethod, RunnerRequest } from './runner-messages.ts';

type RequestGuards = {
  readonly [M in RunnerMethod]: (params: Fields) => Extract<RunnerRequest, { method: M }>['params'];
};

const signalForm = /^SIG[A-Z0-9+]{2,10}$/;
const maxPath = 4096;
const maxCode = 480 * 1024;
const maxArguments = 16_384;
const maxTimeoutMs = 2 ** 31 - 1;
const maxGraceMs = 600_000;
const maxServiceName = 256;
/** Requests that say nothing but their name. */
const withoutParams: ReadonlySet<string> = new Set(['ping', 'apps'] satisfies RunnerMethod[]);

const requestGuards: RequestGuards = {
  execute: (params) => ({ run: runId(params['run']), request: executeRequest(params['request']) }),
  input: (params) => ({
    run: runId(params['run']),
    text: params['text'] === null ? null : text(params['text'], 'text', maxCode),
  }),
  stdin: (params) => ({ run: runId(params['run']), eof: flag(params['eof'], 'eof') }),
  interrupt: (params) => ({ run: params['run'] === null ? null : runId(params['run']) }),
  cancel: (params) => ({ run: runId(params['run']), signal: signal(params['signal']) }),
  forget: (params) => ({ run: runId(params['run']) }),
  complete: (params) => ({
    code: text(params['code'], 'code', maxCode),
    cursor: whole(params['cursor'], 'cursor', 0, maxCode),
  }),
  // Agents of older versions ask for everything.
  'list-files': (params) => ({ path: path(params['path']), from: whole(params['from'] ?? 0, 'from', 0) }),
  upload: (params) => ({
    path: path(params['path']),
    mode: params['mode'] === null ? null : whole(params['mode'], 'mode', 0, 0o777),
  }),
  download: (params) => ({ path: path(params['path']) }),
  'start-service': (params) => ({
    name: text(params['name'], 'name', maxServiceName),
    options: serviceOptions(params['options']),
  }),
  'stop-service': (params) => ({ name: text(params['name'], 'name', maxServiceName) }),
  apps: () => null,
  ping: () => null,
  shutdown: (params) => ({ graceMs: whole(params['graceMs'], 'graceMs', 0, maxGraceMs) }),
};

/** Reads a head that an agent sent. Throws FrameError when it is not one. */
export function parseAgentFrameHeader(head: unknown): AgentFrameHeader {
  const fields = object(head, 'head');
  switch (fields['t']) {
    case 'ack':
      return { t: 'ack', run: runId(fields['run']), n: whole(fields['n'], 'n', 0) };
    case 'request':
      return { t: 'request', id: whole(fields['id'], 'id', 0), ...request(fields) };
    case 'data':
      return { t: 'data' };
    case 'end':
      return { t: 'end' };
    case 'attach':
      return { t: 'attach', run: runId(fields['run']), after: whole(fields['after'], 'after', 0) };
    case 'detach':
      return { t: 'detach', run: runId(fields['run']) };
    case 'hello':
      return {
        t: 'hello',
        protocol: whole(fields['protocol'], 'protocol', 1),
        secret: text(fields['secret'], 'secret', 256),
        role: oneOf(fields['role'], ['control', 'file'] as const, 'role'),
      };
    default:
      throw new FrameError('head of an unknown type');
  }
}

/** Reads an execution. Throws FrameError. */
function executeRequest(value: unknown): ExecuteRequest {
  const fields = object(value, 'request');
  const timeoutMs = fields['timeoutMs'] === null ? null : whole(fields['timeoutMs'], 'timeoutMs', 1, maxTimeoutMs);
  const mode = fields['mode'];
  switch (mode) {
    case 'query':
      return { mode, code: text(fields['code'], 'code', maxCode), timeoutMs };
    case 'batch':
      return {
        mode,
        clean: step(fields['clean'], 'clean'),
        build: step(fields['build'], 'build'),
        exec: step(fields['exec'], 'exec'),
        timeoutMs,
      };
    case 'program':
      return { mode, source: source(fields['source']), args: words(fields['args'], 'args', 0), timeoutMs };
    case 'command':
      return { mode, argv: words(fields['argv'], 'argv', 1), timeoutMs };
    default:
      throw new FrameError('mode is not a mode of execution');
  }
}

function request(fields: Fields): RunnerRequest {
  const method = fields['method'];
  if (typeof method !== 'string' || !Object.hasOwn(requestGuards, method)) {
    throw new FrameError('method is not a method of the runner');
  }
  const params = withoutParams.has(method) ? {} : object(fields['params'], 'params');
  // The table is typed method by method; TypeScript cannot tie the two halves of the pair together here.
  return { method, params: requestGuards[method as RunnerMethod](params) } as RunnerRequest;
}

function source(value: unknown): ProgramSource {
  const fields = object(value, 'source');
  const from = fields['from'];
  switch (from) {
    case 'code':
      return { from, code: text(fields['code'], 'code', maxCode) };
    case 'file':
      return { from, path: path(fields['path']) };
    case 'stdin':
      return { from };
    default:
      throw new FrameError('from is none of code, file, stdin');
  }
}

const step = (value: unknown, what: string): string | null =>
  value === null ? null : withoutNul(text(value, what, maxCode), what);

const path = (value: unknown): string => withoutNul(text(value, 'path', maxPath), 'path');

function words(value: unknown, what: string, least: number): readonly string[] {
  const items = list(value, what, maxArguments);
  if (items.length < least) throw new FrameError(`${what} is empty`);
  return items.map((item) => withoutNul(text(item, what, maxCode), what));
}

function signal(value: unknown): string {
  const name = text(value, 'signal', 16);
  if (!signalForm.test(name)) throw new FrameError('signal is not the name of a signal');
  return name;
}

/** A NUL ends a C string: behind one, the operating system would see another word than the one that was checked. */
function withoutNul(value: string, what: string): string {
  if (value.includes('\0')) throw new FrameError(`${what} contains a NUL`);
  return value;
}
