/**
 * Requests and replies of the API: JSON, server-sent events, and the events of runs as frames. What comes has the types
 * of the API's own schemas. Errors of the API come out as the KerneletErrors they were.
 */
import type { Duplex } from 'node:stream';
import type { ApiBody, ApiEvent, ApiMethod, ApiReply, OperationName } from '../http/api-types.ts';
import { type ErrorCode, errorCodes } from '../lib/error-codes.ts';
import { type ErrorContext, KerneletError } from '../lib/errors.ts';
import { JsonFormError, newer, object, oneOf, type Reader, table, text } from '../lib/json-reader.ts';
import { FrameDecoder } from '../protocol/frame.ts';
import type { NumberedRunEvent } from '../protocol/run-event.ts';
import { parseRunFrame, type RunFrame } from '../protocol/run-frames.ts';
import { type ServerEvent, SseParser } from './sse-parser.ts';
import type { ApiRequest, ApiResponse, Transport } from './transport.ts';

/** A request for an operation; `document` becomes its JSON body. */
export interface ApiCall<Name extends OperationName> extends Omit<ApiRequest, 'method'> {
  readonly method: ApiMethod<Name>;
  readonly document?: ApiBody<Name>;
}

/** Options of a call: the signal gives it up. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Options of a stream that is opened again and again. */
export type StreamOptions = CallOptions & Pick<ApiRequest, 'retry'>;

/** Of bodies that are bytes. */
export const binaryHeaders = { 'content-type': 'application/octet-stream' };

/** The API behind a transport; disposing it disposes the transport. */
export class ApiExchange implements AsyncDisposable {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Sends, and resolves with the head of a reply that is no error. */
  async send<Name extends OperationName>({ document, ...request }: ApiCall<Name>): Promise<ApiResponse> {
    const response = await this.#transport.send(document === undefined ? request : withBody(request, document));
    if (response.status < 400) return response;
    throw await errorOf(response);
  }

  /** A connection that goes on as bytes. Rejects with the error that the API answers instead. */
  async connect(path: string, signal: AbortSignal): Promise<Duplex> {
    const connected = await this.#transport.connect(path, signal);
    if ('status' in connected) throw await errorOf(connected);
    return connected;
  }

  /** Sends, and resolves with the document of the reply. */
  async json<Name extends OperationName>(call: ApiCall<Name>): Promise<ApiReply<Name>> {
    return parseJson(await readAll(await this.send(call)));
  }

  /** Sends, and resolves with the events of the reply once it has begun. They end with the error that the API reports. */
  async events<Name extends OperationName>(call: ApiCall<Name>): Promise<AsyncIterable<ApiEvent<Name>>> {
    return documentsOf(eventsOf(await this.send(call)));
  }

  /** Sends long work, reports its progress, and yields its result; what follows is silence for as long as it is held. */
  async *work<Name extends OperationName>(
    { headers, ...call }: ApiCall<Name>,
    onProgress: (progress: ApiEvent<Name>) => void,
  ): AsyncGenerator<ApiReply<Name>> {
    const response = await this.send({ ...call, headers: { ...headers, accept: 'text/event-stream' } });
    for await (const { type, data } of eventsOf(response)) {
      if (type === 'progress') onProgress(parseJson(data));
      else if (type === 'result') yield parseJson(data);
    }
  }

  /** Sends, and resolves with the events of a run once the reply has begun. They end with the error that the API reports. */
  async runEvents(call: ApiCall<'followRun'>): Promise<AsyncIterable<NumberedRunEvent>> {
    return runEventsOf(await this.send(call));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }
}

async function errorOf(response: ApiResponse): Promise<KerneletError> {
  const { error } = parseJson<{ error?: unknown } | null>(await readAll(response)) ?? {};
  return toError(error, response.status);
}

function withBody(request: ApiRequest, document: unknown): ApiRequest {
  const headers = { ...request.headers, 'content-type': 'application/json' };
  return { ...request, headers, body: Buffer.from(JSON.stringify(document)) };
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

async function* documentsOf<T>(events: AsyncIterable<ServerEvent>): AsyncGenerator<T> {
  for await (const { data } of events) yield parseJson(data);
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

/** The daemon is trusted to send what the schemas of its API say, which would take the command as long to load as to run. */
function parseJson<T>(bytes: Buffer): T {
  try {
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw new KerneletError('PROTOCOL_ERROR', 'the API answered with something that is not JSON', { cause });
  }
}

const contextValue: Reader<ErrorContext[string]> = (value, place) => {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  throw new JsonFormError(place, 'a plain value');
};
const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorCodes, code);
const readError: Reader<KerneletError> = object((of) => {
  const code = of('code', oneOf(Object.keys(errorCodes).filter(isErrorCode)));
  const cure = of('cure', newer<string | null>(text, null));
  return new KerneletError(code, of('message', newer(text, '')), {
    context: of('context', newer(table(contextValue), {})),
    ...(cure === null ? {} : { cure }),
  });
});

/** The error of a document; one that this program does not know is a defect. */
function toError(document: unknown, status: number): KerneletError {
  try {
    return readError(document, 'error');
  } catch (cause) {
    return new KerneletError('INTERNAL', `the API answered with status ${status}`, { cause });
  }
}
