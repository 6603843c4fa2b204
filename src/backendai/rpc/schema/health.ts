import { z } from 'zod';
import { define } from './define.ts';
import { emptyRequest } from './fields.ts';

const report = z.strictObject({
  status: z.enum(['ok', 'degraded', 'error']),
  version: z.string(),
  component: z.literal('agent'),
  connectivity: z.strictObject({
    overall_healthy: z.boolean(),
    connectivity_checks: z.array(
      z.strictObject({
        service_group: z.string(),
        component_id: z.string(),
        is_healthy: z.boolean(),
        last_checked_at: z.string(),
        error_message: z.string().nullable(),
      }),
    ),
    timestamp: z.string(),
  }),
});

/** `health` of 25.17 (spec rpc 9.3). */
export const health = define('health', {}, report);

/** `health_v2` of 26.4 (spec rpc 9.3). */
export const healthV2 = define('health_v2', { req: emptyRequest }, report, 1);
