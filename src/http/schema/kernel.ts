/** Requests for kernels, and kernels as callers see them. */
import { z } from '@hono/zod-openapi';
import { kernelPhases, terminationReasons } from '../../kernel/record.ts';
import { boundedText, durationField, flagField, imageReferenceField, kernelIdField, pathField } from './fields.ts';
import {
  maxCpus,
  maxEnvironBytes,
  maxEnvironEntries,
  maxMemoryBytes,
  maxMounts,
  maxProcesses,
  maxPublishedPorts,
} from './limits.ts';
import { acceleratorsSchema } from './resources.ts';
import { runSummarySchema } from './run.ts';
import { usageSchema } from './stats.ts';

const absolutePathField = pathField.refine((path) => path.startsWith('/'), 'not an absolute path');

/** A host path bound into a kernel. */
export const mountSchema = z
  .strictObject({
    source: absolutePathField.openapi({
      example: '/srv/data/set',
      description: 'A path of this host, below a folder of `kernelet.mount-allow`.',
    }),
    target: absolutePathField.openapi({
      example: '/home/work/set',
      description: "Where it is in the kernel: an absolute path, neither the system's nor the runner's.",
    }),
    readOnly: z.boolean().default(false),
  })
  .openapi('Mount');

const environSchema = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,255}$/, 'not the name of a variable'),
    boundedText(maxEnvironBytes, 'a variable'),
  )
  .refine((all) => Object.keys(all).length <= maxEnvironEntries, `at most ${maxEnvironEntries} variables`);

/** Body of `POST /v1/kernels`. */
export const createBodySchema = z
  .strictObject({
    id: z.guid('not a UUID').optional(),
    image: imageReferenceField.optional().openapi({ description: 'Else picked, and built once, from `language`.' }),
    language: z
      .string()
      .regex(/^[a-z0-9][a-z0-9+_.-]{0,31}$/, 'not the name of a language')
      .optional()
      .openapi({ example: 'python' }),
    pull: z
      .enum(['never', 'missing', 'always'])
      .optional()
      .openapi({ description: 'When to pull the image; else as configured, which is `missing` unless changed.' }),
    cpus: z.number().positive().max(maxCpus).optional(),
    memoryBytes: z.int().positive().max(maxMemoryBytes).optional(),
    processes: z.int().positive().max(maxProcesses).optional(),
    accelerators: acceleratorsSchema.optional(),
    environ: environSchema.default({}),
    mounts: z.array(mountSchema).max(maxMounts).readonly().default([]),
    network: z
      .enum(['none', 'bridge'])
      .optional()
      .openapi({ description: 'Else as configured, which is `bridge` unless changed.' }),
    publish: z
      .array(z.int().min(1).max(65_535))
      .max(maxPublishedPorts)
      .refine((ports) => new Set(ports).size === ports.length, 'a port occurs twice')
      .readonly()
      .default([]),
    idleTimeoutMs: durationField.optional().openapi({ description: 'Removed after this long without a run.' }),
    interpreter: z.enum(['eager', 'lazy']).default('eager'),
  })
  .openapi('CreateRequest');

const managedField = flagField.openapi({ description: "In a cluster: against the manager's authority." });

/** Query of `POST /v1/kernels`. */
export const createQuerySchema = z.strictObject({
  attached: flagField.openapi({
    description: 'With an event stream: the kernel is removed when the client closes the stream.',
  }),
  force: managedField,
});

/** Query of `POST /v1/kernels/{id}/restart`. */
export const restartQuerySchema = z.strictObject({ force: managedField });

/** Parameters of everything about one kernel. */
export const kernelParamsSchema = z.strictObject({ id: kernelIdField });

/** Query of `GET /v1/kernels`. */
export const listQuerySchema = z.strictObject({
  all: flagField.openapi({ description: 'Also kernels that ended a short while ago.' }),
});

/** Query of `DELETE /v1/kernels/{id}`. */
export const destroyQuerySchema = z.strictObject({
  force: flagField.openapi({
    description: "Skips the grace of the tenant's processes. In a cluster: also against the manager's authority.",
  }),
});

const runnerStatusSchema = z.strictObject({
  phase: z.enum(['starting', 'ready', 'failed', 'stopping']),
  interpreter: z.enum(['none', 'idle', 'starting', 'ready', 'failed']),
  detail: z.string(),
  startedAt: z.number(),
  logBytesDropped: z.number(),
  /** null: not known yet. */
  models: z.array(z.strictObject({ name: z.string(), healthy: z.boolean().nullable() })).readonly(),
});

/** A kernel. */
export const kernelSchema = z
  .strictObject({
    id: z.string(),
    sessionId: z.string(),
    phase: z.enum(kernelPhases),
    image: z.string(),
    runtime: z.string(),
    limits: z.strictObject({
      cpus: z.number(),
      memoryBytes: z.number(),
      processes: z.number(),
      sharedMemoryBytes: z.number().nullable(),
      diskBytes: z.number().nullable(),
      openFiles: z.number().nullable(),
    }),
    devices: z
      .array(z.strictObject({ slot: z.string(), device: z.string(), amount: z.string(), lost: z.boolean() }))
      .readonly()
      .openapi({ description: 'What it has of which device, as decimal texts, and whether the node has lost that.' }),
    network: z.string().openapi({ description: '`none`, `bridge`, or the name of another network.' }),
    mounts: z.array(z.strictObject({ source: z.string(), target: z.string(), readOnly: z.boolean() })).readonly(),
    ports: z.array(z.strictObject({ containerPort: z.int(), hostPort: z.int() })).readonly(),
    environ: z.record(z.string(), z.string()),
    containerId: z.string().nullable(),
    generation: z.int().openapi({ description: 'Counts the containers of this kernel from 1.' }),
    createdAt: z.number(),
    readyAt: z.number().nullable(),
    termination: z
      .strictObject({
        reason: z.string().openapi({
          description: `Why: ${terminationReasons.join(', ')}; or a cluster manager’s own word.`,
        }),
        exitCode: z.int().nullable(),
        detail: z.string(),
        at: z.number(),
      })
      .nullable(),
    timings: z.array(z.strictObject({ step: z.string(), ms: z.number() })).readonly(),
    runner: runnerStatusSchema.nullable(),
    runs: z.array(runSummarySchema).readonly(),
    usage: usageSchema.nullable().openapi({ description: 'What it has used, at the last look.' }),
    warnings: z.array(z.string()).readonly(),
  })
  .openapi('Kernel');

/** Reply of `GET /v1/kernels`. */
export const kernelListSchema = z.strictObject({ kernels: z.array(kernelSchema).readonly() }).openapi('KernelList');
