/** `/v1/status` and `/v1/engine`: where the agent stands, and with which engine. */
import { z } from '@hono/zod-openapi';
import type { Agent, AgentStatus } from '../../agent/agent.ts';
import { degradedModes } from '../../agent/degradation.ts';
import { type ApiApp, addOperations, type Operations } from '../operation.ts';
import { openStream } from '../stream-reply.ts';

const slotSchema = z.strictObject({ total: z.number(), used: z.number() });

/** The engine, and reply of `POST /v1/engine/accept`. */
const engineStateSchema = z
  .strictObject({
    address: z.string(),
    healthy: z.boolean(),
    detail: z.string().openapi({ description: 'What is wrong with it; blank when nothing is.' }),
  })
  .openapi('EngineState') satisfies z.ZodType<AgentStatus['engine']>;

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
    engine: engineStateSchema,
    ociRuntimes: z
      .array(
        z.strictObject({
          name: z.string(),
          state: z.enum(['unknown', 'usable', 'refused']),
          detail: z
            .string()
            .openapi({ description: 'Why no kernel runs under it, as far as is known; blank when kernels do.' }),
        }),
      )
      .readonly()
      .openapi({ description: 'Those that the configuration names, and what trying each has shown so far.' }),
    disk: z.enum(['ok', 'stalled', 'full']).openapi({
      description:
        'Stalled: a write to the state folder has taken seconds; what waits is written when its disk answers. Full: of it or the scratch folders less is free than `kernelet.disk-reserve` keeps for the node, and no kernel is made; or an event waits for room.',
    }),
    hungFileSystems: z
      .array(
        z.strictObject({
          mountPoint: z.string(),
          fileSystem: z.string().openapi({ description: 'Its type, such as `nfs4` or `fuse.sshfs`.' }),
          since: z.number().openapi({ description: 'Milliseconds since the epoch.' }),
        }),
      )
      .readonly()
      .openapi({
        description:
          'File systems that do not answer, as far as paths on them were asked for; what lies on them is refused with FILE_SYSTEM_HUNG until they do.',
      }),
    degraded: z
      .array(
        z.strictObject({
          mode: z.enum(degradedModes),
          since: z.number().openapi({ description: 'When it was first seen, in milliseconds since the epoch.' }),
          detail: z.string(),
        }),
      )
      .readonly()
      .openapi({
        description:
          'What the node lacks for now, or works less well by. None of it ends work by itself. `records`: kernels are unrecorded.',
      }),
    kernels: z.int(),
    slots: z.strictObject({ cpus: slotSchema, memoryBytes: slotSchema, ports: slotSchema }),
    invariantViolations: z.record(z.string(), z.number()).openapi({ description: 'Counts that should stay 0.' }),
  })
  .openapi('AgentStatus') satisfies z.ZodType<AgentStatus>;

export const statusOperations = {
  getStatus: {
    method: 'get',
    path: '/v1/status',
    tag: 'agent',
    summary: 'State of the agent, its engine and its resources.',
    status: 200,
    reply: { 'application/json': statusReplySchema },
  },
  acceptEngine: {
    method: 'post',
    path: '/v1/engine/accept',
    tag: 'agent',
    summary: 'Takes the engine that answers for the one that has the kernels from now on.',
    status: 200,
    reply: { 'application/json': engineStateSchema },
  },
} as const satisfies Operations;

export function addStatusRoutes(app: ApiApp, agent: Agent): void {
  addOperations(app, statusOperations, {
    getStatus: () => agent.status(),
    acceptEngine: ({ context }) => agent.acceptEngine(openStream(context).signal),
  });
}
