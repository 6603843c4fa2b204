/** The runner's side of a file worker. */
import type { Duplex } from 'node:stream';
import type { Clock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { LineReader } from '../line-reader.ts';
import type { Tenant } from '../tenant.ts';
import type { ExitFacts } from '../tenant-process.ts';
import { smallProgram, volumePaths } from '../volume-paths.ts';
import { type FileReport, parseReport, reportDescriptor } from './report.ts';

const reportTimeoutMs = 30_000;

/** A worker that runs. Dispose it: a worker that is not needed any more is ended. */
export interface FileWorker extends Disposable {
  /** Its standard input (uploads). */
  readonly input: Duplex | null;
  /** Its standard output (downloads). */
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
      // The end of the worker follows and tells more.
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
      first.resolve(silent('the file worker was disturbed'));
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
      using _timer = clock.after(timeoutMs, () => first.resolve(silent('the files did not answer in time')));
      const report = await first.promise;
      if (!report.ok) throw new KerneletError(report.code, report.message);
      return report.result;
    },
    [Symbol.dispose]: () => void process.signal('SIGKILL'),
  };
}
