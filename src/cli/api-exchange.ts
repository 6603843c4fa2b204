/**
 * Requests and replies of the API: JSON, server-sent events, and the events of runs as frames. Its errors come out as
 * the KerneletErrors they were.
 */
import { errorCodes } from '../lib/error-codes.ts';
import { type ErrorContext, KerneletError } from '../lib/errors.ts';
import { FrameDecoder } from '../protocol/frame.ts';
import { type NumberedRunEvent, parseRunFrame, type RunFrame } from '../protocol/run-event.ts';
import { type ServerEvent, SseParser } from './sse-parser.ts';
import type { ApiRequest, ApiResponse, Transport } from './transport.ts';

/** The API behind a transport; disposing it disposes the transport. */
export class ApiExchange implements AsyncDisposable {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Sends, and resolves with the head of a reply that is no error. */
  async send(request: ApiRequest): Promise<ApiResponse> {
    const response = await this.#transport.send(request);
    if (response.status < 400) return response;
    const document = parseJson(await readAll(response));
    throw toError((document as { error?: unknown } | null)?.error, response.status);
  }

  /** Sends, and resolves with the document of the reply. */
  async json(request: ApiRequest): Promise<unknown> {
    return parseJson(await readAll(await this.send(request)));
  }

  /** Sends, and resolves with the events of the reply once it has begun. They end with the error that the API tells. */
  async events(request: ApiRequest): Promise<AsyncIterable<ServerEvent>> {
    return eventsOf(await this.send(request));
  }

  /** Sends, and resolves with the events of a run once the reply has begun. They end with the error that the API tells. */
  async runEvents(request: ApiRequest): Promise<AsyncIterable<NumberedRunEvent>> {
    return runEventsOf(await this.send(request));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }
}

/** Headers and bytes of a JSON body. */
export function jsonBody(document: unknown): { headers: Record<string, string>; body: Uint8Array } {
  return { headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(document)) };
}

async function* eventsOf(response: ApiResponse): AsyncGenerator<ServerEvent> {
  const parser = new SseParser();
  for await (const chunk of response.body) {
    for (const event of parser.push(chunk)) {
      if (event.type === 'error') throw toError(parseJson(event.data), 0);
      yield event;
    }
  }
}

async function* runEventsOf(response: ApiResponse): AsyncGenerator<NumberedRunEvent> {
  const decoder = new FrameDecoder();
  for await (const chunk of response.body) {
    for (const frame of readFrames(decoder, chunk)) {
      if (frame === null) continue;
      if ('error' in frame) throw toError(frame.error, 0);
      yield frame;
    }
  }
}

function readFrames(decoder: FrameDecoder, chunk: Uint8Array): readonly RunFrame[] {
  try {
    return decoder.push(chunk).map(parseRunFrame);
  } catch (cause) {
    throw new KerneletError('PROTOCOL_ERROR', 'the API sent what is no event of a run', { cause });
  }
}

async function readAll(response: ApiResponse): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw new KerneletError('PROTOCOL_ERROR', 'the API answered with something that is not JSON', { cause });
  }
}

function toError(document: unknown, status: number): KerneletError {
  const { code, message, context } = (document ?? {}) as { code?: unknown; message?: unknown; context?: ErrorContext };
  const known = Object.keys(errorCodes).find((name) => name === code) as keyof typeof errorCodes | undefined;
  if (!known) return new KerneletError('INTERNAL', `the API answered with status ${status}`);
  return new KerneletError(known, String(message), context ? { context } : {});
}
