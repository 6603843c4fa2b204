/** Logs and events. */
import type { Agent } from '../../agent/agent.ts';
import type { ApiApp } from '../api-context.ts';
import { endpoint } from '../endpoint.ts';
import { eventStream } from '../event-stream.ts';
import { kernelParamsSchema } from '../schema/kernel.ts';
import { eventsQuerySchema, kernelEventSchema, logPieceSchema, logsQuerySchema } from '../schema/observe.ts';
import { encodeEvent, encodeLogPiece, serverSentEvents } from '../sse.ts';
import { openStream } from '../stream-reply.ts';
import { resumeAfter } from './runs.ts';

/** Adds the endpoints. */
export function addObserveRoutes(app: ApiApp, agent: Agent): void {
  endpoint(
    app,
    {
      operation: 'readLogs',
      method: 'get',
      path: '/v1/kernels/{id}/logs',
      tag: 'kernels',
      summary: "The log of a kernel's container.",
      params: kernelParamsSchema,
      query: logsQuerySchema,
      status: 200,
      reply: { 'text/event-stream': logPieceSchema },
    },
    async ({ params, query, context }) => {
      const stream = openStream(context);
      const pieces = agent.logs(params.id, { follow: query.follow }, stream.signal);
      return eventStream(
        stream,
        pieces,
        serverSentEvents((piece) => encodeLogPiece(piece.stream, piece.data)),
      );
    },
  );
  endpoint(
    app,
    {
      operation: 'followEvents',
      method: 'get',
      path: '/v1/events',
      tag: 'agent',
      summary: 'What happened to kernels (as far as it is kept) and, with `follow`, what happens.',
      query: eventsQuerySchema,
      resumable: true,
      status: 200,
      reply: { 'text/event-stream': kernelEventSchema },
    },
    async ({ query, context }) => {
      const stream = openStream(context);
      const options = { after: resumeAfter(context, query.after), follow: query.follow };
      return eventStream(
        stream,
        agent.kernelEvents(options, stream.signal),
        serverSentEvents((event) => encodeEvent({ id: event.sequence, data: event })),
      );
    },
  );
}
