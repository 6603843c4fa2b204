/** What happens: logs and events. */
import { z } from '@hono/zod-openapi';
import { deviceDifferences } from '../../events/kernel-event.ts';
import { endReasons } from '../../protocol/run-event.ts';
import { overuseKinds } from '../../stats/overuse.ts';
import { eventNumberField, flagField } from './fields.ts';

/** Query of a log. */
export const logsQuerySchema = z.strictObject({ follow: flagField });

/** The `data` of a server-sent event of a log. */
export const logPieceSchema = z
  .strictObject({ stream: z.enum(['stdout', 'stderr']), body: z.string().optional() })
  .openapi('LogPiece');

/** Query of `GET /v1/events`. */
export const eventsQuerySchema = z.strictObject({ after: eventNumberField.optional(), follow: flagField });

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
      z.strictObject({ type: z.literal('kernel-started'), restarted: z.boolean(), ...ofKernel }),
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
  .openapi('KernelEvent');
