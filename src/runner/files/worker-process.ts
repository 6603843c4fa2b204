/**
 * The runner's side of a file worker (`worker.ts`), and what the two say to each other: the worker reports JSON documents,
 * one a line, on its descriptor 3.
 */

import { posix } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { FileRequest } from '../../protocol/kernel-files.ts';
import type { RunnerErrorCode } from '../../protocol/runner-frames.ts';
import type { Tenant } from '../tenant.ts';
import type { ExitFacts } from '../tenant-process.ts';
import { LineReader } from '../tenant-streams.ts';
import { smallProgram, volumePaths } from '../volume-paths.ts';

/** The descriptor of reports; the runner's `commit` of an upload comes in on it. */
export const reportDescriptor = 3;
/** The line that makes an upload real; without it what came is thrown away. */
export const commitLine = 'commit\n';

/** Codes that a worker may fail with, beside FILE_ERROR. */
export const reportCodes = ['FORBIDDEN_PATH', 'FILE_NOT_FOUND', 'FILE_EXISTS', 'INVALID_ARGUMENT'] as const;

/** What a worker reports: its result, or what went wrong. */
export type FileReport =
  | { readonly ok: true; readonly result: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly code: RunnerErrorCode; readonly message: string };

/** Reads a report; null when it is not one: the worker is a process of the tenant's. */
export function parseReport(line: string): FileReport | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (value === null || typeof value !== 'object') return null;
  const { ok, result, code, message } = value as Readonly<Record<string, unknown>>;
  if (ok === true && result !== null && typeof result === 'object') {
    return { ok, result: result as Readonly<Record<string, unknown>> };
  }
  if (ok !== false || typeof message !== 'string') return null;
  const known = reportCodes.find((item) => item === code);
  return { ok, code: known ?? 'FILE_ERROR', message: message.slice(0, 2000) };
}

const reportTimeoutMs = 30_000;

/** A worker that runs. Dispose it: a worker that is not needed any more is ended. */
export interface FileWorker extends Disposable {
  /** Its standard input: the bytes of an upload. */
  readonly input: Duplex | null;
  /** Its standard output: the bytes of a download. */
  readonly output: Duplex | null;
  /** Descriptor 3, for the runner's word to it. */
  readonly channel: Duplex | null;
  readonly exited: Promise<ExitFacts>;
  /** Its first report. Rejects with what it says went wrong, or FILE_ERROR when it ends or is silent for too long. */
  report(timeoutMs?: number): Promise<Readonly<Record<string, unknown>>>;
}

/** Starts a worker with the tenant's ids and nothing of the tenant's environment. */
export function startFileWorker(tenant: Tenant, clock: Clock, args: readonly string[]): FileWorker {
  const argv = smallProgram(volumePaths.runner, ['file-worker', ...args]);
  const process = tenant.spawnBare(argv, { UV_THREADPOOL_SIZE: '1' }, ['pipe', 'pipe', 'ignore', 'pipe']);
  const [input, output, channel] = [0, 1, reportDescriptor].map((descriptor) => process.duplex(descriptor));
  const first = Promise.withResolvers<FileReport>();
  const lines = new LineReader();
  for (const stream of [input, output, channel]) {
    stream?.on('error', () => {
      // The exit of the worker follows and says why.
    });
  }
  const silent = (text: string): FileReport => ({ ok: false, code: 'FILE_ERROR', message: text });
  channel?.on('data', (chunk: Buffer) => {
    try {
      for (const line of lines.push(chunk)) {
        const report = parseReport(line);
        if (report) first.resolve(report);
      }
    } catch {
      first.resolve(silent('the file worker sent what is not a report'));
      process.signal('SIGKILL');
    }
  });
  void process.exited.then(({ exitCode, notStarted }) => {
    const failed = (): void => first.resolve(silent(notStarted ?? `the file worker ended with status ${exitCode}`));
    // Its report may still be on its way here.
    if (channel && !channel.readableEnded && !channel.closed) channel.once('close', failed);
    else failed();
  });
  return {
    input: input ?? null,
    output: output ?? null,
    channel: channel ?? null,
    exited: process.exited,
    async report(timeoutMs = reportTimeoutMs) {
      using _timer = clock.after(timeoutMs, () => first.resolve(silent('the file worker did not answer in time')));
      const report = await first.promise;
      if (!report.ok) throw new KerneletError(report.code, report.message);
      return report.result;
    },
    [Symbol.dispose]: () => void process.signal('SIGKILL'),
  };
}

const maxWorkers = 4;
let workers = 0;

/** Answers a request by a worker of its own. Throws FORBIDDEN_PATH, FILE_NOT_FOUND, FILE_EXISTS, FILE_ERROR, OVERLOADED. */
export async function workOnFiles(tenant: Tenant, clock: Clock, request: FileRequest): Promise<unknown> {
  const [operation, path, ...options] = wordsOf(request);
  homePath(path, tenant.home);
  if (workers >= maxWorkers) {
    throw new KerneletError('OVERLOADED', `${maxWorkers} requests about files are under way in the kernel already`);
  }
  workers += 1;
  try {
    using worker = startFileWorker(tenant, clock, [operation, tenant.home, path, ...options]);
    return await worker.report();
  } finally {
    workers -= 1;
  }
}

/** What a worker is told: the operation, the path, and options, of which an empty one is off. */
function wordsOf({ method, params }: FileRequest): readonly [operation: string, path: string, ...options: string[]] {
  switch (method) {
    case 'list-files':
      return ['list', params.path, String(params.from)];
    case 'stat-file':
      return ['stat', params.path, params.follow ? 'follow' : ''];
    case 'make-folder':
      return ['make-folder', params.path];
    case 'move-file':
      return ['move', params.from, params.to, params.replace ? 'replace' : ''];
    case 'remove-file':
      return ['remove', params.path, params.recursive ? 'recursive' : ''];
  }
}

/**
 * The absolute, normal form of a caller's path. `home/work/x` without its slash is taken for `/home/work/x`, as some
 * callers send it. Symbolic links are not looked at here. Throws FORBIDDEN_PATH for a path outside the home.
 */
export function homePath(path: string, home: string): string {
  const bare = home.slice(1);
  const absolute = path === bare || path.startsWith(`${bare}/`) ? `/${path}` : posix.resolve(home, path);
  const normal = posix.normalize(absolute).replace(/(.)\/+$/, '$1');
  if (!isBelow(normal, home)) {
    throw new KerneletError('FORBIDDEN_PATH', `${JSON.stringify(path.slice(0, 200))} lies outside of ${home}`);
  }
  return normal;
}

/** Whether a normal path is a folder or lies in it. */
export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
