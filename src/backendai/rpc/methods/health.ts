/** `health` of 25.17 and `health_v2` of 26.4 (spec rpc 9.3). */
import { z } from 'zod';
import type { Degradation } from '../../../agent/degradation.ts';
import type { NodeHealth } from '../../../agent/node.ts';
import { emptyRequest } from '../fields.ts';
import { define, method, type RpcCall } from '../rpc-method.ts';

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

const handle = async (_: unknown, { services }: RpcCall) => {
  const [health, { degraded }] = await Promise.all([services.health(), services.agent.status()]);
  return healthReport(health, degraded, Date.now());
};

/** Whether the engine, etcd and Redis answer, and what the node lacks. */
export const health = method({ signature: define('health', {}, report), waitsOnly: true, handle });

/** The same for managers of the third style. */
export const healthV2 = method({
  signature: define('health_v2', { req: emptyRequest }, report, 1),
  waitsOnly: true,
  handle,
});

/** Without it nothing can be done. */
const vital = 'container-engine';

/** The report; the time is in milliseconds since the epoch. What is asked itself needs no word of what it is degraded by. */
export function healthReport(
  { version, checks: asked }: NodeHealth,
  degraded: readonly Degradation[],
  now: number,
): z.input<typeof report> {
  const lacking = degraded.filter(({ mode }) => mode !== 'engine');
  const checks = [...asked, ...lacking.map(({ mode, detail }) => ({ service: mode, at: now, problem: detail }))];
  const bad = checks.filter(({ problem }) => problem !== null);
  return {
    status: bad.length === 0 ? 'ok' : bad.some(({ service }) => service === vital) ? 'error' : 'degraded',
    version,
    component: 'agent',
    connectivity: {
      overall_healthy: bad.length === 0,
      connectivity_checks: checks.map(({ service, at, problem }) => ({
        service_group: service,
        component_id: service,
        is_healthy: problem === null,
        last_checked_at: new Date(at).toISOString(),
        error_message: problem,
      })),
      timestamp: new Date(now).toISOString(),
    },
  };
}
