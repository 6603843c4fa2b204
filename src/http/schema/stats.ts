/** Statistics. */
import { z } from '@hono/zod-openapi';
import { overuseKinds } from '../../stats/overuse.ts';

const figure = z.number().nullable();
const stall = z
  .strictObject({ some: z.number(), full: z.number().nullable() })
  .nullable()
  .openapi({ description: 'Microseconds that at least one process, or all of them, waited (PSI).' });

/** A kind of over-use that was seen. */
const overuseSchema = z.strictObject({
  kind: z.enum(overuseKinds),
  count: z.int(),
  firstAt: z.number(),
  lastAt: z.number(),
  detail: z.string(),
});

/** Figures of one kernel. */
export const kernelStatsSchema = z
  .strictObject({
    id: z.string(),
    sessionId: z.string(),
    at: z.number().openapi({ description: 'Milliseconds since the epoch.' }),
    cpuSeconds: figure.openapi({ description: 'Since its creation, as all counters; null where nothing is known.' }),
    cpuCores: figure.openapi({ description: 'Cores in use; as all rates over the last round or two.' }),
    throttledSeconds: figure,
    cpuPeriods: figure,
    throttledPeriods: figure,
    memoryBytes: figure,
    memoryPeakBytes: figure,
    memoryLimitBytes: figure,
    outOfMemoryKills: figure,
    processes: figure,
    processesLimit: figure,
    processLimitHits: figure,
    readBytes: figure,
    writtenBytes: figure,
    receivedBytes: figure,
    sentBytes: figure,
    readBytesPerSecond: figure,
    writtenBytesPerSecond: figure,
    receivedBytesPerSecond: figure,
    sentBytesPerSecond: figure,
    scratchBytes: figure,
    cpuStall: stall,
    memoryStall: stall,
    ioStall: stall,
    devices: z
      .array(z.strictObject({ measure: z.string(), unit: z.string(), value: z.number(), capacity: figure }))
      .readonly()
      .openapi({ description: 'How much is used of its accelerators, at the last round.' }),
    overuse: z.array(overuseSchema).readonly(),
    gaps: z
      .array(z.strictObject({ source: z.string(), reason: z.string() }))
      .readonly()
      .openapi({ description: 'Why figures are missing that this host should have.' }),
  })
  .openapi('KernelStats');

/** Reply of `GET /v1/stats`, and the `data` of an event of `GET /v1/stats/follow`. */
export const statsReplySchema = z.strictObject({ stats: z.array(kernelStatsSchema).readonly() }).openapi('Stats');

/** Query of `GET /v1/stats/follow`. */
export const followStatsQuerySchema = z.strictObject({
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
    cpuSeconds: figure,
    throttledSeconds: figure,
    memoryPeakBytes: figure,
    outOfMemoryKills: figure,
    processesPeak: figure,
    processLimitHits: figure,
    readBytes: figure,
    writtenBytes: figure,
    receivedBytes: figure,
    sentBytes: figure,
    scratchPeakBytes: figure,
    overuse: z.array(overuseSchema).readonly(),
  })
  .openapi('Usage');

/** Reply of `GET /v1/stats/ended`. */
export const finalRecordsSchema = z
  .strictObject({
    records: z
      .array(
        usageSchema.extend({
          kernelId: z.string(),
          sessionId: z.string().nullable(),
          reason: z.string().nullable(),
          endedAt: z.number(),
        }),
      )
      .readonly(),
  })
  .openapi('FinalRecords');

const metricsSchema = z
  .record(z.string(), z.record(z.string(), z.union([z.string(), z.number()]).nullable()))
  .openapi('Metrics', {
    description: 'Metrics by key, numbers as texts: `current`, `capacity`, `pct`, `unit_hint`, `stats.…`.',
  });

/** Reply of `GET /v1/stats/node`. */
export const nodeMetricsSchema = z
  .strictObject({ node: metricsSchema, devices: z.record(z.string(), metricsSchema) })
  .openapi('NodeMetrics');

/** Reply of `GET /v1/kernels/{id}/metrics`. */
export const kernelMetricsSchema = z
  .strictObject({ metrics: metricsSchema, processes: z.record(z.string(), metricsSchema) })
  .openapi('KernelMetrics');
