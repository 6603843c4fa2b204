/** The events of the node: what happens to its kernels. */
import { z } from '@hono/zod-openapi';
import type { Agent } from '../../agent/agent.ts';
import { deviceDifferences, type NumberedKernelEvent } from '../../events/kernel-event.ts';
import { endReasons } from '../../protocol/run-event.ts';
import { overuseKinds } from '../../stats/overuse.ts';
import { encodeEvent, eventStream, resumeAfter, serverSentEvents } from '../event-stream.ts';
import { eventNumberField, flagField } from '../fields.ts';
import { type ApiApp, addOperations, type Document, type Operations } from '../operation.ts';
import { openStream } from '../stream-reply.ts';

const eventsQuerySchema = z.strictObject({ after: eventNumberField.optional(), follow: flagField });

const ofKernel = { kernelId: z.string(), sessionId: z.string() };

/** The `data` of a server-sent event of the agent; its `id` is `sequence`. */
export const kernelEventSchema = z
  .strictObject({
    sequence: z.int(),
    at: z.number(),
    event: z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('kernel-preparing'), ...ofKernel }),
      z.strictObject({ type: z.literal('kernel-pulling'), image: z.string(), ...ofKernel }),
      z.strictObject({ type: z.literal('kernel-creating'), ...ofKernel }),
      z.strictObject({ type: z.literal('kernel-restarting'), reason: z.string(), detail: z.string(), ...ofKernel }),
      z.strictObject({ type: z.literal('kernel-started'), restarted: z.boolean(), ...ofKernel }),
      z.strictObject({ type: z.literal('kernel-paused'), by: z.enum(['request', 'idle', 'others']), ...ofKernel }),
      z.strictObject({ type: z.literal('kernel-resumed'), ...ofKernel }),
      z.strictObject({
        type: z.literal('kernel-terminated'),
        reason: z.string(),
        exitCode: z.int().nullable(),
        detail: z.string(),
        ...ofKernel,
      }),
      z.strictObject({ type: z.literal('execution-started'), runId: z.string(), ...ofKernel }),
      z.strictObject({
        type: z.literal('execution-finished'),
        runId: z.string(),
        exitCode: z.int(),
        reason: z.enum(endReasons),
        ...ofKernel,
      }),
      z.strictObject({ type: z.literal('model-health'), model: z.string(), healthy: z.boolean(), ...ofKernel }),
      z.strictObject({ type: z.literal('reachability'), reachable: z.boolean(), ...ofKernel }),
      z.strictObject({
        type: z.literal('overuse'),
        kind: z.enum(overuseKinds),
        count: z.int(),
        detail: z.string(),
        ...ofKernel,
      }),
      z.strictObject({
        type: z.literal('device-difference'),
        kind: z.enum(deviceDifferences),
        detail: z.string(),
        ...ofKernel,
      }),
    ]),
  })
  .openapi('KernelEvent') satisfies z.ZodType<Document<NumberedKernelEvent>>;

export const eventOperations = {
  followEvents: {
    method: 'get',
    path: '/v1/events',
    tag: 'agent',
    summary: 'What happened to kernels (as far as it is kept) and, with `follow`, what happens.',
    query: eventsQuerySchema,
    resumable: true,
    status: 200,
    reply: { 'text/event-stream': kernelEventSchema },
  },
} as const satisfies Operations;

export function addEventRoutes(app: ApiApp, agent: Agent): void {
  addOperations(app, eventOperations, {
    async followEvents({ query, context }) {
      const stream = openStream(context);
      const options = { after: resumeAfter(context, query.after), follow: query.follow };
      return await eventStream(
        stream,
        agent.kernelEvents(options, stream.signal),
        serverSentEvents((event) => encodeEvent({ id: event.sequence, data: event })),
      );
    },
  });
}
