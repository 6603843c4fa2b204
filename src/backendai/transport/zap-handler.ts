/**
 * Answers ZeroMQ's question whether a client may connect (spec rpc 4.4). It is bound before the socket that it guards:
 * without it, ZeroMQ admits every client. Each question is answered, also after an error, since the next one waits.
 */
import type { Logger } from '../../lib/log.ts';
import { answerZap } from '../wire/curve/zap.ts';
import { type Context, loadZeromq } from './zeromq.ts';

const address = 'inproc://zeromq.zap.01';

/** Starts the handler of a context; closing it refuses everyone. */
export async function startZapHandler(
  context: Context,
  allowedKeys: () => Promise<readonly Uint8Array[]>,
  log: Logger,
): Promise<AsyncDisposable> {
  const { Reply } = loadZeromq();
  const socket = new Reply({ context, linger: 0 });
  await socket.bind(address);
  const answer = async (request: readonly Uint8Array[]): Promise<readonly Uint8Array[]> => {
    try {
      return answerZap(request, await allowedKeys());
    } catch (error) {
      log.error('a client is refused, as its key cannot be checked', { error });
      return answerZap(request, []);
    }
  };
  const done = (async () => {
    for await (const request of socket) await socket.send((await answer(request)) as Uint8Array[]);
  })().catch((error: unknown) => {
    if (!socket.closed) log.error('clients are no longer checked: none can connect', { error });
  });
  return {
    async [Symbol.asyncDispose]() {
      socket.close();
      await done;
    },
  };
}
