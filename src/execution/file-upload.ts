/** Sends a file into a kernel on a connection of its own, as fast as the runner takes it. */
import { toKerneletError } from '../lib/errors.ts';
import { FrameError, maxBodyBytes } from '../protocol/frame.ts';
import type { RunnerFrameHeader } from '../protocol/runner-messages.ts';
import type { Connection } from './connection.ts';
import { parseResult } from './reply-guards.ts';
import { connectionLost, fromRunner, protocolError } from './runner-errors.ts';

type Reply = Extract<RunnerFrameHeader, { t: 'reply' }>;

/**
 * Streams `content` to `path`, and closes the connection. Rejects with the runner's code, CONNECTION_LOST, what the
 * content's source failed with, or the signal's reason; the content is cancelled then.
 */
export async function upload(
  connection: Connection,
  path: string,
  content: ReadableStream<Uint8Array>,
  options: { mode: number | null; signal: AbortSignal },
): Promise<{ bytes: number }> {
  const { mode, signal } = options;
  const reader = content.getReader();
  const answer = awaitReply(connection);
  const onAbort = (): void => connection.close(toKerneletError(signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  // An answer before the end, or a lost connection, ends the waiting for more content.
  const early = answer.then(
    () => reader.cancel().catch(() => {}),
    (error) => reader.cancel(error).catch(() => {}),
  );
  try {
    signal.throwIfAborted();
    connection.send({ t: 'request', id: 1, method: 'upload', params: { path, mode } });
    await pump(reader, connection);
    connection.send({ t: 'end' });
    const reply = await answer;
    if (!reply.ok) throw fromRunner(reply.error);
    return parseReply(reply);
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    throw thrown;
  } finally {
    signal.removeEventListener('abort', onAbort);
    connection.close(connectionLost('was closed: the upload is over'));
    await early;
  }
}

async function pump(reader: ReadableStreamDefaultReader<Uint8Array>, connection: Connection): Promise<void> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (let offset = 0; offset < value.length && !connection.isClosed; offset += maxBodyBytes) {
      connection.send({ t: 'data' }, value.subarray(offset, offset + maxBodyBytes));
      await connection.drained();
    }
  }
}

async function awaitReply(connection: Connection): Promise<Reply> {
  const replied = Promise.withResolvers<Reply>();
  connection.deliverTo((head) => {
    if (head.t !== 'reply' || head.id !== 1) throw new FrameError(`an upload is answered with ${head.t}`);
    replied.resolve(head);
  });
  void connection.closed.then((error) => replied.reject(error));
  return await replied.promise;
}

function parseReply(reply: Extract<Reply, { ok: true }>): { bytes: number } {
  try {
    return parseResult('upload', reply.result);
  } catch (cause) {
    throw protocolError(cause);
  }
}
