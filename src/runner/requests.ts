/** What each request of the control connection does. File transfers are in `files/`. */
import { KerneletError } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import type { RequestHandler } from './control-connection.ts';
import type { Runs } from './runs.ts';
import type { Services } from './services/services.ts';

/** Bytes of input that may wait for a program. */
const maxWaitingInput = 4 * 1024 * 1024;

/** What requests act on. */
export interface RequestParts {
  readonly runs: Runs;
  status(): unknown;
  complete(code: string, cursor: number): Promise<readonly string[]>;
  /** null: this kernel has none. */
  services(): Services | null;
  listFiles(path: string, from: number): Promise<unknown>;
  /** Begins the end; the reply is sent before it. */
  shutDown(graceMs: number): void;
}

/** The handler of all requests. */
export function requestHandler(parts: RequestParts): RequestHandler {
  const { runs } = parts;
  const waitingInput = new Map<RunId, number>();

  const stdin = async (id: RunId, body: Uint8Array, eof: boolean): Promise<{ open: boolean }> => {
    const run = runs.get(id);
    const waiting = (waitingInput.get(id) ?? 0) + body.length;
    if (waiting > maxWaitingInput) {
      throw new KerneletError('OVERLOADED', `run ${id} has ${maxWaitingInput} bytes of input waiting already`);
    }
    waitingInput.set(id, waiting);
    try {
      await run.begun;
      return { open: (await run.control?.stdin(body, eof)) ?? false };
    } finally {
      const left = (waitingInput.get(id) ?? 0) - body.length;
      if (left > 0) waitingInput.set(id, left);
      else waitingInput.delete(id);
    }
  };

  return async (request, body) => {
    switch (request.method) {
      case 'execute':
        return runs.execute(request.params.run, request.params.request);
      case 'input':
        if (!runs.get(request.params.run).control?.input(request.params.text)) {
          throw new KerneletError('INVALID_ARGUMENT', `run ${request.params.run} does not wait for input`);
        }
        return null;
      case 'stdin':
        return stdin(request.params.run, body, request.params.eof);
      case 'interrupt': {
        const run = request.params.run === null ? runs.current : runs.get(request.params.run);
        return { interrupted: run?.control?.interrupt() ?? false };
      }
      case 'cancel':
        runs.cancel(request.params.run, request.params.signal);
        return null;
      case 'forget':
        runs.forget(request.params.run);
        return null;
      case 'complete':
        return { matches: await parts.complete(request.params.code, request.params.cursor) };
      case 'list-files':
        return parts.listFiles(request.params.path, request.params.from);
      case 'start-service': {
        const { name, options } = request.params;
        const none = { status: 'failed' as const, error: `unsupported service: ${name}` };
        return (await parts.services()?.start(name, options)) ?? none;
      }
      case 'stop-service':
        await parts.services()?.stop(request.params.name);
        return null;
      case 'apps':
        return { apps: parts.services()?.apps() ?? [] };
      case 'ping':
        return parts.status();
      case 'shutdown':
        parts.shutDown(request.params.graceMs);
        return null;
      case 'upload':
      case 'download':
        throw new KerneletError('INVALID_ARGUMENT', `${request.method} needs a connection of its own, of role file`);
    }
  };
}
