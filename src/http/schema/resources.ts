/** What the node has. */
import { z } from '@hono/zod-openapi';
import { slotTypes } from '../../resources/slot-name.ts';
import { maxAccelerators } from './limits.ts';

/** Slots of accelerators with decimal amounts. */
export const acceleratorsSchema = z
  .record(
    z.string().regex(/^[a-z0-9_-]{1,64}\.[a-z0-9_.:-]{1,128}$/, 'not a slot of an accelerator, such as cuda.device'),
    z.string().regex(/^\d{1,9}(\.\d{1,9})?$/, 'not a decimal number'),
  )
  .refine((all) => Object.keys(all).length <= maxAccelerators, `at most ${maxAccelerators} slots`)
  .openapi({ description: 'Slots of accelerators with decimal amounts.', example: { 'cuda.device': '1' } });

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
  .openapi('NodeResources');
