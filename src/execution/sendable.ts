/**
 * What a runner takes. A frame that it cannot take ends its connection, and a few of those end all dealings with the
 * kernel: so a caller's mistake has to be found here, where it costs no more than the call.
 */
import { KerneletError } from '../lib/errors.ts';
import { parseAgentFrameHeader, type RunnerRequest } from '../protocol/agent-frames.ts';
import { FrameError } from '../protocol/frame.ts';

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
