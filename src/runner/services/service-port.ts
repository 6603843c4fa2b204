/** The port of a service, seen from inside the container: whether it is open, and waiting until it is. */
import { connect } from 'node:net';
import { type Clock, sleep } from '../../lib/clock.ts';
import type { ServiceProcess } from './service-process.ts';

/** Servers of little work are there within milliseconds. */
const firstPollMs = 5;
const maxPollMs = 50;

/**
 * Resolves with null when the port is open, else with why it will not be. A process that ends well may have left a
 * server in the background; one that ends otherwise is not waited for.
 */
export async function awaitPort(
  name: string,
  port: number,
  process: ServiceProcess,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<string | null> {
  const until = clock.monotonic() + timeoutMs;
  for (let pollMs = firstPollMs; clock.monotonic() < until; pollMs = Math.min(2 * pollMs, maxPollMs)) {
    if (await isPortOpen(port)) return null;
    const { ended } = process;
    if (ended?.notStarted != null) return ended.notStarted;
    if (ended && ended.exitCode !== 0) {
      const output = process.lastErrorLines;
      return `${name} ended with status ${ended.exitCode}${output === '' ? '' : `: ${output}`}`;
    }
    const enough = new AbortController();
    await Promise.race([sleep(clock, pollMs, enough.signal).catch(() => {}), ...(ended ? [] : [process.exited])]);
    enough.abort();
  }
  return `opening the service port timed out: ${name}`;
}

const probeTimeoutMs = 1000;

/** Connects to the loopback address and says whether somebody was there. */
export function isPortOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const answer = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.setTimeout(probeTimeoutMs, () => answer(false));
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
