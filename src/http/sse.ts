/**
 * Server-sent events, written by hand: the bytes of output are encoded once and copied once. Every event is one `data`
 * line; JSON never contains a line break.
 */
import type { NumberedRunEvent } from '../protocol/run-event.ts';
import type { StreamFormat } from './event-stream.ts';

/** Headers of an event stream. */
export const eventStreamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
} as const;

/** A comment that keeps the connection from looking dead. */
export const keepAlive = Buffer.from(': keep-alive\n\n');

/** Things as server-sent events, given how one is encoded. */
export function serverSentEvents<T>(encode: (item: T) => Buffer): StreamFormat<T> {
  return {
    headers: eventStreamHeaders,
    silence: [keepAlive],
    item: (item) => [encode(item)],
    error: (document) => [encodeEvent({ type: 'error', data: document })],
  };
}

/** Any event with a JSON document. */
export function encodeEvent(event: { id?: number; type?: string; data: unknown }): Buffer {
  const id = event.id === undefined ? '' : `id: ${event.id}\n`;
  const type = event.type === undefined ? '' : `event: ${event.type}\n`;
  return Buffer.from(`${id}${type}data: ${JSON.stringify(event.data)}\n\n`);
}

/** An event of a run: `id` is its number, the bytes are base64 in `body`, the last member. */
export function encodeRunEvent({ n, event, body }: NumberedRunEvent): Buffer {
  const head = `id: ${n}\ndata: {"n":${n},"event":${JSON.stringify(event)}`;
  return body.length === 0 ? Buffer.from(`${head}}\n\n`) : withBody(head, body);
}

/** A piece of a log: the bytes are base64 in `body`, the last member. */
export function encodeLogPiece(stream: 'stdout' | 'stderr', data: Uint8Array): Buffer {
  return withBody(`data: {"stream":"${stream}"`, data);
}

function withBody(head: string, body: Uint8Array): Buffer {
  const start = Buffer.byteLength(head);
  const encoded = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64');
  const buffer = Buffer.allocUnsafe(start + bodyStart.length + encoded.length + bodyEnd.length);
  buffer.write(head, 0);
  buffer.write(bodyStart, start, 'latin1');
  buffer.write(encoded, start + bodyStart.length, 'latin1');
  buffer.write(bodyEnd, start + bodyStart.length + encoded.length, 'latin1');
  return buffer;
}

const bodyStart = ',"body":"';
const bodyEnd = '"}\n\n';
