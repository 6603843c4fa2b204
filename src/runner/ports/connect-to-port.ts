/** Connects to what listens on a port in the kernel, whichever of its addresses that is bound to. */
import { addAbortListener } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { hasCode, KerneletError } from '../../lib/errors.ts';
import { isSystemError } from '../../lib/system-error.ts';
import { listeningPorts } from './listening.ts';

/** A program that does not accept leaves those waiting who come when its queue is full. */
const timeoutMs = 10_000;
const loopback = ['127.0.0.1', '::1'];
/** Listening there is listening on the loopback addresses too. */
const everywhere = ['0.0.0.0', '::'];
/** Nobody listens there, or the kernel has no such address. */
const refusals = ['ECONNREFUSED', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'ENETUNREACH', 'EHOSTUNREACH'];

/** Throws PORT_CLOSED where nobody listens, PORT_FAILED for a port that is not connected to in ten seconds or breaks. */
export async function connectToPort(port: number, clock: Clock, signal: AbortSignal): Promise<Socket> {
  try {
    return await withDeadline({ what: `a connection to port ${port}`, timeoutMs, clock, signal }, (deadline) =>
      tryAddresses(port, deadline.signal),
    );
  } catch (error) {
    if (!hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
    throw new KerneletError('PORT_FAILED', `what listens on port ${port} of the kernel accepts no more connections`);
  }
}

async function tryAddresses(port: number, signal: AbortSignal): Promise<Socket> {
  for (const host of loopback) {
    const socket = await tryAddress(host, port, signal);
    if (socket) return socket;
  }
  const { ports } = await listeningPorts();
  for (const host of ports.find((listening) => listening.port === port)?.addresses ?? []) {
    if (loopback.includes(host) || everywhere.includes(host)) continue;
    const socket = await tryAddress(host, port, signal);
    if (socket) return socket;
  }
  throw new KerneletError('PORT_CLOSED', `nothing listens on port ${port} in the kernel`);
}

/** null: nobody listens there. */
function tryAddress(host: string, port: number, signal: AbortSignal): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ host, port, allowHalfOpen: true });
    const listener = addAbortListener(signal, () => {
      socket.destroy();
      reject(signal.reason);
    });
    socket.once('connect', () => {
      listener[Symbol.dispose]();
      resolve(socket);
    });
    socket.once('error', (cause) => {
      listener[Symbol.dispose]();
      if (isSystemError(cause, ...refusals)) resolve(null);
      else reject(new KerneletError('PORT_FAILED', `port ${port} of the kernel: ${cause.message}`, { cause }));
    });
  });
}
