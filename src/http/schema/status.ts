/** State of the agent. */
import { z } from '@hono/zod-openapi';

const slotSchema = z.strictObject({ total: z.number(), used: z.number() });

/** Reply of `GET /v1/status`. */
export const statusReplySchema = z
  .strictObject({
    version: z.string(),
    mode: z.enum(['standalone', 'cluster']),
    phase: z.enum(['recovering', 'ready', 'stopping']),
    agentId: z.string(),
    stateDir: z.string(),
    pid: z.int(),
    startedAt: z.number().openapi({ description: 'Milliseconds since the epoch.' }),
    engine: z.strictObject({ address: z.string(), healthy: z.boolean(), detail: z.string() }),
    kernels: z.int(),
    slots: z.strictObject({ cpus: slotSchema, memoryBytes: slotSchema, ports: slotSchema }),
    invariantViolations: z.record(z.string(), z.number()).openapi({ description: 'Counts that should stay 0.' }),
  })
  .openapi('AgentStatus');
