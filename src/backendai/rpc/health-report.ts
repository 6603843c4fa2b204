/** How the node is, in the form of `health` and `health_v2` (spec rpc 9.3). Pure. */
import type { z } from 'zod';
import type { NodeHealth } from '../../agent/node-health.ts';
import type { health } from './schema/health.ts';

/** Without it nothing can be done. */
const vital = 'container-engine';

/** The report; the time is in milliseconds since the epoch. */
export function healthReport({ version, checks }: NodeHealth, now: number): z.input<typeof health.result> {
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
