/** Says in the log when peers cannot connect: a refused key, or plain against CURVE; at most one line in a while. */
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { Socket } from './zeromq.ts';

/** A client with the wrong mechanism tries again ten times a second. */
const quietMs = 10_000;

/** Follows the socket's events until it is disposed of. */
export function logHandshakeFailures(socket: Socket, log: Logger, clock: Clock = systemClock): AsyncDisposable {
  const { events } = socket;
  let failures = 0;
  let quietUntil = Number.NEGATIVE_INFINITY;
  const follow = async (): Promise<void> => {
    for await (const event of events) {
      if (!event.type.startsWith('handshake:error')) continue;
      failures += 1;
      if (clock.monotonic() < quietUntil) continue;
      quietUntil = clock.monotonic() + quietMs;
      log.warn('a peer could not connect: its key or its mechanism is not the expected one', {
        kind: event.type,
        failures,
      });
    }
  };
  const done = follow().catch((error: unknown) => {
    if (!events.closed) log.warn('events of the RPC socket can no longer be followed', { error });
  });
  return {
    async [Symbol.asyncDispose]() {
      events.close();
      await done;
    },
  };
}
