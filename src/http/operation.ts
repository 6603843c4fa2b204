/**
 * One way to declare what the API does: an operation is data, whose schemas validate what comes in, give the types of
 * what goes out, and make its page of the OpenAPI document, so that none of them differs. Unknown keys are refused; the
 * error names the field.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { KerneletError } from '../lib/errors.ts';
import { errorReplySchema, invalidArgument } from './errors.ts';
import { resumeHeadersSchema } from './fields.ts';
import { maxJsonBodyBytes } from './limits.ts';

/** What the server passes along with a request; empty when the app is called in process. */
export interface Bindings {
  readonly incoming?: IncomingMessage;
  readonly outgoing?: ServerResponse;
  /** On a connection that asks for another protocol: what follows the head of the request, both ways. */
  readonly upgraded?: Duplex;
  /**
   * Aborts when the caller inside this process gives up. It counts instead of the request's own signal, which a
   * `Request` follows through weak references: after a garbage collection it would never abort.
   */
  readonly leaving?: AbortSignal | undefined;
  /** Aborts when the server stops: streams end, nothing of the client's is undone. */
  readonly stopping?: AbortSignal;
}

/** The application that operations are added to. */
export type ApiApp = OpenAPIHono<{ Bindings: Bindings }>;
/** The context of one request. */
export type ApiContext = Context<{ Bindings: Bindings }>;

/** What an operation takes and gives. */
export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** With parameters in braces: `/v1/kernels/{id}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  /** Of a JSON body, of at most `maxJsonBodyBytes`. */
  readonly body?: z.ZodType;
  /** The media type of a body that is not JSON; the handler reads it. */
  readonly rawBody?: string;
  /** Whether the reply is a stream that goes on behind the header `Last-Event-ID`; the handler reads it. */
  readonly resumable?: boolean;
  readonly status: 200 | 201 | 202;
  /** Headers of the reply that clients need. */
  readonly replyHeaders?: z.ZodObject;
  /** Schema of the reply by media type. */
  readonly reply: Readonly<Record<string, z.ZodType>>;
}

/** Operations by their names, which generated clients use: unique in the whole API. */
export type Operations = Readonly<Record<string, Operation>>;

type Parsed<Part> = Part extends z.ZodType ? z.output<Part> : Readonly<Record<never, never>>;

/** What was validated, with the context for the rest. */
export interface OperationInput<Of extends Operation> {
  readonly params: Parsed<Of['params']>;
  readonly query: Parsed<Of['query']>;
  readonly body: Parsed<Of['body']>;
  readonly context: ApiContext;
}

/** What a handler gives: the document of an operation that answers in JSON alone, else the whole response. */
export type OperationReply<Of extends Operation> = keyof Of['reply'] extends 'application/json'
  ? z.input<Of['reply']['application/json']>
  : Response;

/** A handler for each operation. */
export type Handlers<Of extends Operations> = {
  readonly [Name in keyof Of]: (input: OperationInput<Of[Name]>) => Promise<OperationReply<Of[Name]>>;
};

/**
 * A thing of the agent as JSON has it: ids are plain texts. A schema that satisfies it documents every field; that no
 * documented field is missing is seen where a handler returns the thing.
 */
export type Document<T> = T extends string
  ? keyof T extends keyof string
    ? T
    : string
  : T extends readonly (infer Item)[]
    ? readonly Document<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Document<T[Key]> }
      : T;

/** Adds operations to the app, in their order. */
export function addOperations<Of extends Operations>(app: ApiApp, operations: Of, handlers: Handlers<Of>): void {
  for (const [name, operation] of Object.entries(operations)) {
    // The compiler no longer sees here which handler belongs to which operation.
    addOperation(app, name, operation, handlers[name] as unknown as AnyHandler);
  }
}

type AnyHandler = (input: {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly context: ApiContext;
}) => Promise<object>;

const nothing = z.strictObject({});

function addOperation(app: ApiApp, name: string, operation: Operation, handle: AnyHandler): void {
  app.openAPIRegistry.registerPath(describe(name, operation));
  const path = operation.path.replaceAll(/\{([a-z]+)\}/g, ':$1');
  app.on([operation.method.toUpperCase()], [path], async (context) => {
    const params = check('path', operation.params ?? nothing, context.req.param());
    const query = check('query', operation.query ?? nothing, queryValues(context, operation.query));
    const body = operation.body ? check('body', operation.body, await readJson(context)) : {};
    const reply = await handle({ params, query, body, context });
    return reply instanceof Response ? reply : Response.json(reply, { status: operation.status });
  });
}

function check(where: string, schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  throw invalidArgument(where, result.error, known);
}

function queryValues(context: ApiContext, schema: z.ZodType | undefined): Record<string, string | string[]> {
  const values: Record<string, string | string[]> = {};
  const fields = schema instanceof z.ZodObject ? schema.shape : {};
  for (const [key, list] of Object.entries(context.req.queries())) {
    if (isList(fields[key])) values[key] = list;
    else if (list.length > 1) throw new KerneletError('INVALID_ARGUMENT', `query.${key}: given ${list.length} times`);
    else values[key] = list[0] ?? '';
  }
  return values;
}

/** Whether a field of a query may be given several times. */
const isList = (field: unknown): boolean => field instanceof z.ZodType && field.safeParse([]).success;

async function readJson(context: ApiContext): Promise<unknown> {
  const type = context.req.header('content-type');
  if (type !== undefined && !/^application\/json\s*(;|$)/i.test(type)) {
    throw new KerneletError(
      'INVALID_ARGUMENT',
      `body: of type ${JSON.stringify(type.slice(0, 80))}, not application/json`,
    );
  }
  const bytes = await readBounded(context);
  if (bytes.length === 0) return {};
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new KerneletError('INVALID_ARGUMENT', 'body: not UTF-8', { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new KerneletError('INVALID_ARGUMENT', 'body: not JSON', { cause });
  }
}

async function readBounded(context: ApiContext): Promise<Uint8Array> {
  const tooLarge = (): KerneletError =>
    new KerneletError('TOO_LARGE', `body: larger than ${maxJsonBodyBytes} bytes`, { context: { maxJsonBodyBytes } });
  const declared = context.req.header('content-length');
  if (declared !== undefined) {
    if (Number(declared) > maxJsonBodyBytes) throw tooLarge();
    return new Uint8Array(await context.req.raw.arrayBuffer());
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  // A body that is refused is read on after the reply (`linger.ts`).
  for await (const chunk of context.req.raw.body?.values({ preventCancel: true }) ?? []) {
    size += chunk.length;
    if (size > maxJsonBodyBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function describe(name: string, operation: Operation): RouteConfig {
  const { params, query, body, rawBody, resumable } = operation;
  const content = body
    ? { 'application/json': { schema: body } }
    : rawBody
      ? { [rawBody]: { schema: z.any().openapi({ type: 'string', format: 'binary' }) } }
      : undefined;
  return {
    operationId: name,
    method: operation.method,
    path: operation.path,
    tags: [operation.tag],
    summary: operation.summary,
    request: {
      ...(params instanceof z.ZodObject ? { params } : {}),
      ...(query instanceof z.ZodObject ? { query } : {}),
      ...(resumable ? { headers: resumeHeadersSchema } : {}),
      ...(content ? { body: { content, required: true } } : {}),
    },
    responses: {
      [operation.status]: {
        description: replyText(operation),
        ...(operation.replyHeaders ? { headers: operation.replyHeaders } : {}),
        content: Object.fromEntries(Object.entries(operation.reply).map(([type, schema]) => [type, { schema }])),
      },
      default: {
        description: 'An error; the status is that of its code.',
        content: { 'application/json': { schema: errorReplySchema } },
      },
    },
  };
}

/** What a reply is, as far as its schemas do not say it. */
function replyText({ reply }: Operation): string {
  if (!('text/event-stream' in reply)) return 'What was asked for.';
  return 'application/json' in reply
    ? 'The result. As an event stream: `progress` events, then one `result` with the same document as its data, or one `error` with an ErrorDocument.'
    : 'Server-sent events, each with one document of this schema as its data; a failure is an event of the type `error` with an ErrorDocument.';
}
