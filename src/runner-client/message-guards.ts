/**
 * What may go to a runner and what may come back. A frame that it cannot take ends its connection, and a few of those end
 * all dealings with the kernel: so a caller's mistake has to be found here, where it costs no more than the call. Results
 * are believed in nothing: a tenant may have taken the runner over.
 */
import { KerneletError } from '../lib/errors.ts';
import {
  parseAgentFrameHeader,
  type RunnerMethod,
  type RunnerRequest,
  type RunnerRequests,
} from '../protocol/agent-frames.ts';
import { FrameError } from '../protocol/frame.ts';
import { type Fields, flag, list, object, oneOf, text, whole } from '../protocol/guards.ts';
import { contextStates } from '../protocol/kernel-contexts.ts';
import { fileResultGuards, unpackedArchive } from '../protocol/kernel-files.ts';
import { listeningPorts } from '../protocol/kernel-ports.ts';
import { serviceApps, serviceOutcome } from '../protocol/kernel-services.ts';
import { parseRunnerStatus } from '../protocol/runner-frames.ts';

type Guards = { readonly [M in RunnerMethod]: (result: unknown) => RunnerRequests[M]['result'] };

const guards: Guards = {
  execute: (result) => ({ existing: flag(fields(result)['existing'], 'existing') }),
  input: () => null,
  stdin: (result) => ({ open: flag(fields(result)['open'], 'open') }),
  interrupt: (result) => ({ interrupted: flag(fields(result)['interrupted'], 'interrupted') }),
  cancel: () => null,
  signal: (result) => ({ delivered: flag(fields(result)['delivered'], 'delivered') }),
  resize: (result) => ({ resized: flag(fields(result)['resized'], 'resized') }),
  forget: () => null,
  complete: (result) => ({ matches: list(fields(result)['matches'], 'matches').map((match) => text(match, 'match')) }),
  'create-context': (result) => ({ existing: flag(fields(result)['existing'], 'existing') }),
  'remove-context': () => null,
  'restart-context': () => null,
  contexts: (result) => ({ contexts: contextStates(fields(result)['contexts']) }),
  ...fileResultGuards,
  upload: (result) => ({ bytes: whole(fields(result)['bytes'], 'bytes', 0) }),
  download: (result) => {
    const { size, name, ...rest } = fields(result);
    const form = oneOf(rest['form'], ['file', 'tar'] as const, 'form');
    if (form === 'tar' && size !== null) throw new FrameError('size of a tar stream is not null');
    const mode = form === 'tar' || rest['mode'] === undefined ? null : whole(rest['mode'], 'mode', 0, 0o777);
    return { form, size: form === 'tar' ? null : whole(size, 'size', 0), name: fileName(name), mode };
  },
  connect: () => null,
  'listening-ports': (result) => listeningPorts(fields(result)),
  unpack: unpackedArchive,
  'watch-folder': () => null,
  'start-service': serviceOutcome,
  'stop-service': () => null,
  apps: (result) => ({ apps: serviceApps(fields(result)['apps']) }),
  ping: parseRunnerStatus,
  shutdown: () => null,
};

/** Reads the result of a reply to `method`. Throws FrameError when it has not the method's form. */
export function parseResult<M extends RunnerMethod>(method: M, result: unknown): RunnerRequests[M]['result'] {
  return guards[method](result);
}

const fields = (result: unknown): Fields => object(result, 'result');

/** The last part of a path: it becomes a name in archives and in a header. */
function fileName(value: unknown): string {
  const name = text(value, 'name', maxName);
  if (['', '.', '..'].includes(name) || /[/\0]/.test(name)) throw new FrameError('name is not that of a file');
  return name;
}

/** Bytes that file systems take for a name; characters are never more. */
const maxName = 255;

/** Passes a request that the runner's own guards let through. Throws INVALID_ARGUMENT, with what they say of it. */
export function assertSendable(request: RunnerRequest): void {
  try {
    parseAgentFrameHeader({ t: 'request', id: 0, ...request });
  } catch (cause) {
    if (!(cause instanceof FrameError)) throw cause;
    const text = `the kernel's runner does not take this ${request.method}: ${cause.message}`;
    throw new KerneletError('INVALID_ARGUMENT', text, { cause });
  }
}
