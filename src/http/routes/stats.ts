/** Statistics, for programs and for Prometheus. */
import { z } from '@hono/zod-openapi';
import type { Agent, KernelStats } from '../../agent/agent.ts';
import { expositionType } from '../../agent/metrics/exposition.ts';
import { sleep, systemClock } from '../../lib/clock.ts';
import { figuresShown, type NumberName, type StallName, type UsageName } from '../../stats/figures.ts';
import { allNodeFigures, type NodeFigureName } from '../../stats/node-figures.ts';
import { overuseKinds } from '../../stats/overuse.ts';
import { encodeEvent, eventStream, serverSentEvents } from '../event-stream.ts';
import { kernelParamsSchema, orNull } from '../fields.ts';
import { type ApiApp, addOperations, type Operations } from '../operation.ts';
import { openStream } from '../stream-reply.ts';

const figure = z.number().nullable();
const stall = z.strictObject({ some: z.number(), full: z.number().nullable() }).nullable();

/** The figures that are shown in a place, with what the table says of them. */
function figureShape<Name extends string, Stalled extends string = never>(
  place: 'now' | 'usage',
): Readonly<Record<Name, typeof figure> & Record<Stalled, typeof stall>> {
  const shape = figuresShown(place).map(({ name, type, help: description }) =>
    type === 'stall'
      ? [name, stall.openapi({ description: `${description} Microseconds of at least one of them, or of all (PSI).` })]
      : [name, figure.openapi({ description })],
  );
  return Object.fromEntries(shape) as Record<Name, typeof figure> & Record<Stalled, typeof stall>;
}

/** A kind of over-use that was seen. */
const overuseSchema = z.strictObject({
  kind: z.enum(overuseKinds),
  count: z.int(),
  firstAt: z.number(),
  lastAt: z.number(),
  detail: z.string(),
});

const deviceFigureSchema = z.strictObject({
  measure: z.string(),
  unit: z.string(),
  value: z.number(),
  capacity: figure,
});
const missingSchema = z
  .array(z.strictObject({ source: z.string(), reason: z.string() }))
  .readonly()
  .openapi({ description: 'Why figures are missing that this host should have.' });

const kernelStatsSchema = z
  .strictObject({
    id: z.string(),
    sessionId: z.string(),
    at: z.number().openapi({ description: 'Milliseconds since the epoch.' }),
    ...figureShape<NumberName, StallName>('now'),
    devices: z
      .array(deviceFigureSchema)
      .readonly()
      .openapi({ description: 'How much is used of its accelerators, at the last round.' }),
    overuse: z.array(overuseSchema).readonly(),
    missing: missingSchema,
  })
  .openapi('KernelStats', {
    description:
      'Counters are since its creation, over all its containers; rates are over the last round or two; null where nothing is known.',
  });

/** Reply of `GET /v1/stats`, and the `data` of an event of `GET /v1/stats/follow`. */
export const statsReplySchema = z.strictObject({ stats: z.array(kernelStatsSchema).readonly() }).openapi('Stats');

const followStatsQuerySchema = z.strictObject({
  intervalMs: z
    .string()
    .regex(/^[0-9]{3,7}$/, 'not a number of milliseconds from 100 to 3600000')
    .transform(Number)
    .refine((ms) => ms >= 100 && ms <= 3_600_000, 'not a number of milliseconds from 100 to 3600000')
    .optional()
    .openapi({ type: 'integer', description: 'From one event to the next; 2000 when absent.' }),
});

/** What a kernel has used since its creation. */
export const usageSchema = z
  .strictObject({
    since: z.number(),
    at: z.number(),
    ...figureShape<UsageName>('usage'),
    overuse: z.array(overuseSchema).readonly(),
  })
  .openapi('Usage');

/** Reply of `GET /v1/stats/ended`. */
export const finalRecordsSchema = z
  .strictObject({
    records: z
      .array(
        // An extension would be both in the document, of which each refuses the members of the other.
        z.strictObject({
          ...usageSchema.shape,
          kernelId: z.string(),
          sessionId: z.string().nullable(),
          reason: z.string().nullable(),
          endedAt: z.number(),
        }),
      )
      .readonly(),
  })
  .openapi('FinalRecords');

const amountSchema = z.strictObject({ value: z.number(), capacity: figure });
const nodeFigureSchema = amountSchema
  .extend({ perSecond: figure, parts: z.record(z.string(), amountSchema) })
  .nullable();
const nodeShape = Object.fromEntries(
  allNodeFigures.map(({ name, part, help }) => [
    name,
    nodeFigureSchema.openapi({ description: part === null ? help : `${help} \`parts\` by ${part}.` }),
  ]),
) as Record<NodeFigureName, typeof nodeFigureSchema>;

/** Reply of `GET /v1/stats/node`. */
export const nodeMetricsSchema = z
  .strictObject({
    ...nodeShape,
    devices: z.array(deviceFigureSchema.extend({ device: z.string() })).readonly(),
    missing: missingSchema,
  })
  .openapi('NodeMetrics');

/** Reply of `GET /v1/kernels/{id}/metrics`. */
export const kernelMetricsSchema = z
  .strictObject({
    kernel: orNull(kernelStatsSchema),
    processes: z.record(
      z.string(),
      z.strictObject({
        cpuSeconds: z.number(),
        memoryBytes: z.number(),
        readBytes: figure,
        writtenBytes: figure,
        devices: z.array(deviceFigureSchema).readonly(),
      }),
    ),
  })
  .openapi('KernelMetrics');

const tag = 'statistics';
const defaultIntervalMs = 2_000;

export const statsOperations = {
  getStats: {
    method: 'get',
    path: '/v1/stats',
    tag,
    summary: 'Figures of the running kernels, read now.',
    status: 200,
    reply: { 'application/json': statsReplySchema },
  },
  followStats: {
    method: 'get',
    path: '/v1/stats/follow',
    tag,
    summary: 'The same, again and again.',
    query: followStatsQuerySchema,
    status: 200,
    reply: { 'text/event-stream': statsReplySchema },
  },
  getNodeMetrics: {
    method: 'get',
    path: '/v1/stats/node',
    tag,
    summary: 'Figures of the node and its devices, of the last round.',
    status: 200,
    reply: { 'application/json': nodeMetricsSchema },
  },
  listFinalRecords: {
    method: 'get',
    path: '/v1/stats/ended',
    tag,
    summary: 'What ended kernels have used, as far as it is kept, oldest first.',
    status: 200,
    reply: { 'application/json': finalRecordsSchema },
  },
  getKernelMetrics: {
    method: 'get',
    path: '/v1/kernels/{id}/metrics',
    tag,
    summary: 'Figures of a kernel, of the last reading, and of its processes, read now.',
    params: kernelParamsSchema,
    status: 200,
    reply: { 'application/json': kernelMetricsSchema },
  },
  getPrometheusMetrics: {
    method: 'get',
    path: '/metrics',
    tag,
    summary: 'Everything, in the text format of Prometheus.',
    status: 200,
    reply: { 'text/plain': z.string() },
  },
} as const satisfies Operations;

export function addStatsRoutes(app: ApiApp, agent: Agent): void {
  addOperations(app, statsOperations, {
    getStats: async ({ context }) => ({ stats: await agent.stats(openStream(context).signal) }),
    async followStats({ query, context }) {
      const stream = openStream(context);
      const rounds = followStats(agent, query.intervalMs ?? defaultIntervalMs, stream.signal);
      return await eventStream(
        stream,
        rounds,
        serverSentEvents((stats) => encodeEvent({ data: { stats } })),
      );
    },
    getNodeMetrics: () => agent.nodeMetrics(),
    listFinalRecords: async () => ({ records: await agent.finalRecords() }),
    getKernelMetrics: ({ params, context }) => agent.kernelMetrics(params.id, openStream(context).signal),
    async getPrometheusMetrics({ context }) {
      const stream = openStream(context);
      return stream.reply(encoded(agent.exposition(stream.signal)), { 'content-type': expositionType });
    },
  });
}

async function* followStats(
  agent: Agent,
  intervalMs: number,
  signal: AbortSignal,
): AsyncGenerator<readonly KernelStats[]> {
  for (;;) {
    yield await agent.stats(signal);
    await sleep(systemClock, intervalMs, signal);
  }
}

async function* encoded(pieces: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield Buffer.from(piece);
}
