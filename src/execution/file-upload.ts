/** Sends a file into a kernel on a connection of its own, as fast as the runner takes it. */
import type { Clock, Timer } from '../lib/clock.ts';
import { toKerneletError } from '../lib/errors.ts';
import { FrameError, maxBodyBytes } from '../protocol/frame.ts';
import type { RunnerFrameHeader } from '../protocol/runner-frames.ts';
import type { Connection } from './connection.ts';
import { parseResult } from './reply-guards.ts';
import { connectionLost, fromRunner, protocolError, standsStill } from './runner-errors.ts';

type Reply = Extract<RunnerFrameHeader, { t: 'reply' }>;

/** How to send. */
export interface UploadOptions {
  readonly mode: number | null;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** How long the runner may take no byte, or not answer after the last one, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Streams `content` to `path`, and closes the connection. Rejects with the runner's code, CONNECTION_LOST,
 * DEADLINE_EXCEEDED, PROTOCOL_ERROR for a runner that says it took something else, what the content's source failed with,
 * or the signal's reason; the content is cancelled then.
 */
export async function upload(
  connection: Connection,
  path: string,
  content: ReadableStream<Uint8Array>,
  options: UploadOptions,
): Promise<{ bytes: number }> {
  const { mode, signal, clock, timeoutMs } = options;
  const reader = content.getReader();
  const sent: Sent = { bytes: 0, whole: false };
  const answer = awaitReply(connection, sent);
  const watch = (): Timer => clock.after(timeoutMs, () => connection.close(standsStill(path, timeoutMs)));
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
    await pump(reader, connection, sent, watch);
    sent.whole = true;
    connection.send({ t: 'end' });
    using _timer = watch();
    const reply = await answer;
    if (!reply.ok) throw fromRunner(reply.error);
    return parseReply(reply, sent);
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    throw thrown;
  } finally {
    signal.removeEventListener('abort', onAbort);
    connection.close(connectionLost('was closed: the upload is over'));
    await early;
  }
}

/** How much went to the runner, and whether that was all. */
interface Sent {
  bytes: number;
  whole: boolean;
}

async function pump(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  connection: Connection,
  sent: Sent,
  watch: () => Timer,
): Promise<void> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (let offset = 0; offset < value.length && !connection.isClosed; offset += maxBodyBytes) {
      const piece = value.subarray(offset, offset + maxBodyBytes);
      connection.send({ t: 'data' }, piece);
      sent.bytes += piece.length;
      using _timer = watch();
      await connection.drained();
    }
  }
}

async function awaitReply(connection: Connection, sent: Sent): Promise<Reply> {
  const replied = Promise.withResolvers<Reply>();
  connection.deliverTo((header) => {
    if (header.t !== 'reply' || header.id !== 1) throw new FrameError(`an upload is answered with ${header.t}`);
    if (header.ok && !sent.whole) throw new FrameError('an upload is answered before its end');
    replied.resolve(header);
  });
  void connection.closed.then((error) => replied.reject(error));
  return await replied.promise;
}

function parseReply(reply: Extract<Reply, { ok: true }>, sent: Sent): { bytes: number } {
  try {
    const result = parseResult('upload', reply.result);
    if (result.bytes !== sent.bytes) throw new FrameError(`it took ${result.bytes} bytes, and ${sent.bytes} were sent`);
    return result;
  } catch (cause) {
    throw protocolError(cause);
  }
}
