/**
 * One way to declare an endpoint: its schemas validate what comes in and make its page of the OpenAPI document, so the
 * two never differ. Unknown keys are refused; the error names the field.
 */
import { type RouteConfig, z } from '@hono/zod-openapi';
import { KerneletError } from '../lib/errors.ts';
import type { ApiApp, ApiContext } from './api-context.ts';
import { invalidArgument } from './errors.ts';
import { errorReplySchema } from './schema/error.ts';
import { resumeHeadersSchema } from './schema/fields.ts';
import { maxJsonBodyBytes } from './schema/limits.ts';

/** What an endpoint takes and gives. */
export interface EndpointDefinition<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  /** Its name for generated clients, unique. */
  readonly operation: string;
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** With parameters in braces: `/v1/kernels/{id}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly params?: P;
  readonly query?: Q;
  /** A JSON body. */
  readonly body?: B;
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

/** What was validated, with the context for the rest. */
export interface EndpointInput<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly context: ApiContext;
}

const nothing = z.strictObject({});

/** Adds an endpoint. */
export function endpoint<
  P extends z.ZodType = typeof nothing,
  Q extends z.ZodType = typeof nothing,
  B extends z.ZodType = typeof nothing,
>(
  app: ApiApp,
  definition: EndpointDefinition<P, Q, B>,
  handle: (input: EndpointInput<z.output<P>, z.output<Q>, z.output<B>>) => Promise<Response>,
): void {
  app.openAPIRegistry.registerPath(describe(definition));
  const path = definition.path.replaceAll(/\{([a-z]+)\}/g, ':$1');
  app.on([definition.method.toUpperCase()], [path], async (context) => {
    const params = check('path', definition.params ?? nothing, context.req.param());
    const query = check('query', definition.query ?? nothing, singleValues(context));
    const body = definition.body ? check('body', definition.body, await readJson(context)) : {};
    return handle({
      params: params as z.output<P>,
      query: query as z.output<Q>,
      body: body as z.output<B>,
      context,
    });
  });
}

/** A JSON reply whose form the schema of the endpoint describes. */
export function json(status: 200 | 201 | 202, document: object): Response {
  return Response.json(document, { status });
}

function check(where: string, schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  throw invalidArgument(where, result.error, known);
}

function singleValues(context: ApiContext): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [key, list] of Object.entries(context.req.queries())) {
    if (list.length > 1) throw new KerneletError('INVALID_ARGUMENT', `query.${key}: given ${list.length} times`);
    values[key] = list[0] ?? '';
  }
  return values;
}

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

function describe(definition: EndpointDefinition<z.ZodType, z.ZodType, z.ZodType>): RouteConfig {
  const { params, query, body, rawBody, resumable } = definition;
  const content = body
    ? { 'application/json': { schema: body } }
    : rawBody
      ? { [rawBody]: { schema: z.any().openapi({ type: 'string', format: 'binary' }) } }
      : undefined;
  return {
    operationId: definition.operation,
    method: definition.method,
    path: definition.path,
    tags: [definition.tag],
    summary: definition.summary,
    request: {
      ...(params instanceof z.ZodObject ? { params } : {}),
      ...(query instanceof z.ZodObject ? { query } : {}),
      ...(resumable ? { headers: resumeHeadersSchema } : {}),
      ...(content ? { body: { content, required: true } } : {}),
    },
    responses: {
      [definition.status]: {
        description: replyText(definition),
        ...(definition.replyHeaders ? { headers: definition.replyHeaders } : {}),
        content: Object.fromEntries(Object.entries(definition.reply).map(([type, schema]) => [type, { schema }])),
      },
      default: {
        description: 'An error; the status is that of its code.',
        content: { 'application/json': { schema: errorReplySchema } },
      },
    },
  };
}

/** What a reply is, as far as its schemas do not say it. */
function replyText({ reply }: Pick<EndpointDefinition<z.ZodType, z.ZodType, z.ZodType>, 'reply'>): string {
  if (!('text/event-stream' in reply)) return 'What was asked for.';
  return 'application/json' in reply
    ? 'The result. As an event stream: `progress` events, then one `result` with the same document as its data, or one `error` with an ErrorDocument.'
    : 'Server-sent events, each with one document of this schema as its data; a failure is an event of the type `error` with an ErrorDocument.';
}
