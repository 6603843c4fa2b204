/** Statistics, for programs and for Prometheus. */
import { z } from '@hono/zod-openapi';
import type { Agent, KernelStats } from '../../agent/agent.ts';
import { sleep, systemClock } from '../../lib/clock.ts';
import { expositionType } from '../../stats/exposition.ts';
import type { ApiApp } from '../api-context.ts';
import { endpoint, json } from '../endpoint.ts';
import { eventStream } from '../event-stream.ts';
import { kernelParamsSchema } from '../schema/kernel.ts';
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

/** Adds the endpoints. */
export function addStatsRoutes(app: ApiApp, agent: Agent): void {
  endpoint(
    app,
    {
      operation: 'getStats',
      method: 'get',
      path: '/v1/stats',
      tag,
      summary: 'Figures of the running kernels, read now.',
      status: 200,
      reply: { 'application/json': statsReplySchema },
    },
    async ({ context }) => json(200, { stats: await agent.stats(openStream(context).signal) }),
  );
  endpoint(
    app,
    {
      operation: 'followStats',
      method: 'get',
      path: '/v1/stats/follow',
      tag,
      summary: 'The same, again and again.',
      query: followStatsQuerySchema,
      status: 200,
      reply: { 'text/event-stream': statsReplySchema },
    },
    async ({ query, context }) => {
      const stream = openStream(context);
      const rounds = followStats(agent, query.intervalMs ?? defaultIntervalMs, stream.signal);
      return eventStream(
        stream,
        rounds,
        serverSentEvents((stats) => encodeEvent({ data: { stats } })),
      );
    },
  );
  endpoint(
    app,
    {
      operation: 'getNodeMetrics',
      method: 'get',
      path: '/v1/stats/node',
      tag,
      summary: 'Metrics of the node and its devices, of the last round.',
      status: 200,
      reply: { 'application/json': nodeMetricsSchema },
    },
    async () => json(200, await agent.nodeMetrics()),
  );
  endpoint(
    app,
    {
      operation: 'listFinalRecords',
      method: 'get',
      path: '/v1/stats/ended',
      tag,
      summary: 'What ended kernels have used, as far as it is kept, oldest first.',
      status: 200,
      reply: { 'application/json': finalRecordsSchema },
    },
    async () => json(200, { records: await agent.finalRecords() }),
  );
  endpoint(
    app,
    {
      operation: 'getKernelMetrics',
      method: 'get',
      path: '/v1/kernels/{id}/metrics',
      tag,
      summary: 'Metrics of a kernel, of the last round, and of its processes.',
      params: kernelParamsSchema,
      status: 200,
      reply: { 'application/json': kernelMetricsSchema },
    },
    async ({ params, context }) => json(200, await agent.kernelMetrics(params.id, openStream(context).signal)),
  );
  endpoint(
    app,
    {
      operation: 'getPrometheusMetrics',
      method: 'get',
      path: '/metrics',
      tag,
      summary: 'Everything, in the text format of Prometheus.',
      status: 200,
      reply: { 'text/plain': z.string() },
    },
    async ({ context }) => {
      const stream = openStream(context);
      return stream.reply(encoded(agent.exposition(stream.signal)), { 'content-type': expositionType });
    },
  );
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
