/** A connection beside the one that a kernel has, for a file that is carried or for a port. */
import { Deadline } from '../lib/deadline.ts';
import { type Connection, connectWithRetry, type Welcome } from './connection.ts';
import type { RunnerAddress } from './runner-client.ts';
import { unreachable } from './runner-errors.ts';
import type { RunnerConnectionOptions } from './runner-options.ts';

/** How long such a connection may take to be made. */
const connectMs = 20_000;

/** What they are made with. */
export interface OwnConnectionParts
  extends Required<Pick<RunnerConnectionOptions, 'clock' | 'pauses' | 'greetingTimeoutMs' | 'assertRoom'>> {
  readonly address: RunnerAddress;
  /** Aborts when the kernel has ended. */
  readonly signal: AbortSignal;
  /** Throws KERNEL_UNREACHABLE while the runner is. */
  readonly assertReachable: () => void;
}

/** Opens one. Throws OVERLOADED without room for it, KERNEL_UNREACHABLE, the signal's reason, and as connections do. */
export async function openOwnConnection(
  parts: OwnConnectionParts,
  role: 'file' | 'port',
  signal: AbortSignal,
): Promise<{ readonly connection: Connection; readonly welcome: Welcome }> {
  const { address, clock, pauses, greetingTimeoutMs, assertRoom, assertReachable } = parts;
  assertReachable();
  assertRoom();
  const since = clock.now();
  const what = "a connection to the kernel's runner";
  using deadline = new Deadline({ what, timeoutMs: connectMs, clock, signal });
  try {
    return await connectWithRetry({
      ...{ address, role, clock, greetingTimeoutMs, pauses },
      signal: deadline.signal,
    });
  } catch (error) {
    throw deadline.signal.aborted && !signal.aborted ? unreachable(since) : error;
  }
}
