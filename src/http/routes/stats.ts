/** Statistics, for programs and for Prometheus. */
import { z } from '@hono/zod-openapi';
import type { Agent, KernelStats } from '../../agent/agent.ts';
import { sleep, systemClock } from '../../lib/clock.ts';
import { expositionType } from '../../stats/exposition.ts';
import { eventStream } from '../event-stream.ts';
import { type ApiApp, addOperations, type Operations } from '../operation.ts';
import { kernelParamsSchema } from '../schema/fields.ts';
import {
  finalRecordsSchema,
  followStatsQuerySchema,
  kernelMetricsSchema,
  nodeMetricsSchema,
  statsReplySchema,
} from '../schema/stats.ts';
import { encodeEvent, serverSentEvents } from '../sse.ts';
import { openStream } from '../stream-reply.ts';

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
