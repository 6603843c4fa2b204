/** Logs of kernels: what their containers print, as the engine keeps it. */
import { z } from '@hono/zod-openapi';
import type { Agent } from '../../agent/agent.ts';
import { encodeLogPiece, eventStream, serverSentEvents } from '../event-stream.ts';
import { flagField, kernelParamsSchema } from '../fields.ts';
import { type ApiApp, addOperations, type Operations } from '../operation.ts';
import { openStream } from '../stream-reply.ts';

const logsQuerySchema = z.strictObject({ follow: flagField });

/** The `data` of a server-sent event of a log. */
const logPieceSchema = z
  .strictObject({ stream: z.enum(['stdout', 'stderr']), body: z.string().optional() })
  .openapi('LogPiece');

export const logOperations = {
  readLogs: {
    method: 'get',
    path: '/v1/kernels/{id}/logs',
    tag: 'kernels',
    summary: "The log of a kernel's container.",
    params: kernelParamsSchema,
    query: logsQuerySchema,
    status: 200,
    reply: { 'text/event-stream': logPieceSchema },
  },
} as const satisfies Operations;

export function addLogRoutes(app: ApiApp, agent: Agent): void {
  addOperations(app, logOperations, {
    async readLogs({ params, query, context }) {
      const stream = openStream(context);
      const pieces = agent.logs(params.id, { follow: query.follow }, stream.signal);
      return await eventStream(
        stream,
        pieces,
        serverSentEvents((piece) => encodeLogPiece(piece.stream, piece.data)),
      );
    },
  });
}
