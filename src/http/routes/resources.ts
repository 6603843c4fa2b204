/** `/v1/resources`: what the node has, and who has it. */
import { z } from '@hono/zod-openapi';
import type { Agent, NodeResources } from '../../agent/agent.ts';
import { slotTypes } from '../../resources/slot-name.ts';
import { type ApiApp, addOperations, type Operations } from '../operation.ts';
import { openStream } from '../stream-reply.ts';

const slotSchema = z.strictObject({
  slot: z.string().openapi({ example: 'cuda.shares' }),
  type: z.enum(slotTypes),
  available: z.string().openapi({ description: 'What is reported: without the reserve.' }),
  reserved: z.string(),
  used: z.string(),
});

const deviceSchema = z.strictObject({
  plugin: z.string(),
  id: z.string(),
  location: z.string().openapi({ description: 'Its place on the bus, or `root`.' }),
  memoryBytes: z.number(),
  processingUnits: z.number(),
  numaNode: z.int().nullable(),
  modelName: z.string(),
  used: z.array(z.strictObject({ slot: z.string(), amount: z.string() })).readonly(),
});

const metadataSchema = z.strictObject({
  slot_name: z.string(),
  description: z.string(),
  human_readable_name: z.string(),
  display_unit: z.string(),
  number_format: z.strictObject({ binary: z.boolean(), round_length: z.int() }),
  display_icon: z.string(),
});

const hardwareSchema = z.strictObject({
  status: z.enum(['healthy', 'degraded', 'offline', 'unavailable']),
  status_info: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
});

/** Reply of `GET /v1/resources`. */
export const resourcesReplySchema = z
  .strictObject({
    slots: z.array(slotSchema).readonly().openapi({ description: 'Amounts are decimal texts, bytes in full.' }),
    devices: z.array(deviceSchema).readonly(),
    plugins: z
      .record(z.string(), z.record(z.string(), z.union([z.string(), z.boolean()])))
      .openapi({ description: 'Version and more of each device plugin.' }),
    metadata: z.record(z.string(), metadataSchema).openapi({ description: 'How slots are shown.' }),
    hardware: z.record(z.string(), hardwareSchema).openapi({ description: 'Of plugins that know about it.' }),
  })
  .openapi('NodeResources') satisfies z.ZodType<NodeResources>;

export const resourceOperations = {
  getResources: {
    method: 'get',
    path: '/v1/resources',
    tag: 'agent',
    summary: 'Slots and devices of the node, what kernels have of them, and the device plugins.',
    status: 200,
    reply: { 'application/json': resourcesReplySchema },
  },
} as const satisfies Operations;

export function addResourceRoutes(app: ApiApp, agent: Agent): void {
  addOperations(app, resourceOperations, {
    getResources: ({ context }) => agent.resources(openStream(context).signal),
  });
}
