/** The daemon's local API for tests, without the command line in between: any method, headers and body. */
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface ApiReply {
  readonly status: number;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly document: unknown;
}

export interface ApiCallOptions {
  /** An object is sent as JSON, a text or bytes as they are, an iterable in chunks without a declared length. */
  readonly body?: object | string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

function isChunks(body: object): body is AsyncIterable<Uint8Array> {
  return Symbol.asyncIterator in body;
}

/** Calls the API on a socket. Rejects when there is no reply in time (60 s by default). */
export function callApi(
  socketPath: string,
  method: string,
  path: string,
  options: ApiCallOptions = {},
): Promise<ApiReply> {
  const { body, headers = {}, timeoutMs = 60_000 } = options;
  const json = typeof body === 'object' && !(body instanceof Uint8Array) && !isChunks(body);
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        socketPath,
        // A connection of its own: one on which a body was refused is closed a moment later.
        agent: false,
        method,
        path,
        headers: { ...(json ? { 'content-type': 'application/json' } : {}), ...headers },
        signal: AbortSignal.timeout(timeoutMs),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, text, document: parsed(text) });
        });
      },
    );
    asked.on('error', reject);
    if (body === undefined) asked.end();
    else if (typeof body === 'string' || body instanceof Uint8Array) asked.end(body);
    // A server that refuses early closes the connection while the body is still being sent.
    else if (isChunks(body)) pipeline(Readable.from(body), asked).catch(() => {});
    else asked.end(JSON.stringify(body));
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
