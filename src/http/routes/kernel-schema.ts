/** Kernels as the API shows them. */
import { z } from '@hono/zod-openapi';
import type { KernelView } from '../../agent/agent.ts';
import { kernelPhases, terminationReasons } from '../../kernel/record.ts';
import { onIdleChoices } from '../../kernel/spec.ts';
import { interpreterStates } from '../../protocol/kernel-contexts.ts';
import { orNull } from '../fields.ts';
import type { Document } from '../operation.ts';
import { runSummarySchema } from './runs.ts';
import { usageSchema } from './stats.ts';

const runnerStatusSchema = z.strictObject({
  phase: z.enum(['starting', 'ready', 'failed', 'stopping']),
  interpreter: z.enum(interpreterStates).openapi({ description: 'Of the context `main`.' }),
  detail: z.string(),
  startedAt: z.number(),
  logBytesDropped: z.number(),
  /** null: not known yet. */
  models: z.array(z.strictObject({ name: z.string(), healthy: z.boolean().nullable() })).readonly(),
});

/** A kernel; its fields are those of the agent's view of one. */
export const kernelSchema = z
  .strictObject({
    id: z.string(),
    sessionId: z.string(),
    name: z.string().nullable().openapi({ description: 'Stands for its id; null: it has none.' }),
    labels: z.record(z.string(), z.string()),
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
      homeBytes: z.number().nullable(),
      bitsPerSecond: z.number().nullable(),
    }),
    devices: z
      .array(z.strictObject({ slot: z.string(), device: z.string(), amount: z.string(), lost: z.boolean() }))
      .readonly()
      .openapi({ description: 'What it has of which device, as decimal texts, and whether the node has lost that.' }),
    network: z.string().openapi({ description: '`none`, `bridge`, or the name of another network.' }),
    ociRuntime: z.string().nullable().openapi({ description: 'null: the default of the engine.' }),
    mounts: z.array(z.strictObject({ source: z.string(), target: z.string(), readOnly: z.boolean() })).readonly(),
    user: z.strictObject({ uid: z.int(), gid: z.int() }).openapi({
      description: 'Whom its programs run as in the kernel; on the host the same, unless the engine maps users.',
    }),
    ports: z.array(z.strictObject({ containerPort: z.int(), hostPort: z.int() })).readonly(),
    services: z
      .array(z.strictObject({ name: z.string(), protocol: z.string(), ports: z.array(z.int()).readonly() }))
      .readonly()
      .openapi({ description: 'What can be started in it, each on published ports of the container.' }),
    environ: z
      .array(z.string())
      .readonly()
      .openapi({ description: 'Names of its variables. What they say is told to its programs alone.' }),
    readOnlyRoot: z
      .boolean()
      .openapi({ description: 'Whether its home and folders in memory are all that it can write.' }),
    containerId: z.string().nullable(),
    generation: z.int().openapi({ description: 'Counts the containers of this kernel from 1.' }),
    createdAt: z.number(),
    expiresAt: z.number().nullable().openapi({
      description: 'When its time to live is over, in milliseconds since the epoch; null: never.',
    }),
    idleTimeoutMs: z.number().nullable(),
    onIdle: z.enum(onIdleChoices),
    readyAt: z.number().nullable(),
    missingSince: z.number().nullable().openapi({
      description: 'Since when the engine has not listed its container, in milliseconds since the epoch.',
    }),
    unrecordedSince: z.number().nullable().openapi({
      description:
        'Since when, in milliseconds since the epoch, neither its record nor the copy of it could be read. What is said of it is what its container tells: `image` is an id, and its runtime, environment, mounts, steps and all limits but CPUs and memory are unknown. It is used on, and is not restarted.',
    }),
    unreachableSince: z.number().nullable().openapi({
      description:
        'Since when its runner has not answered (stopped or stuck), in milliseconds since the epoch. It is used on when it is back.',
    }),
    paused: orNull(z.strictObject({ since: z.number(), by: z.enum(['request', 'idle', 'others']) })).openapi({
      description:
        'Since when, in milliseconds since the epoch, its processes stand still, and by whom: a request, its idle time-out, or others, who have asked the engine. Requests that need it resume it unless others have paused it; null: it is not paused.',
    }),
    stuck: orNull(z.strictObject({ why: z.string(), since: z.number(), next: z.string() })).openapi({
      description:
        'Why it is stuck, since when (in milliseconds since the epoch), and what comes next; null when it is not.',
    }),
    termination: z
      .strictObject({
        reason: z.string().openapi({
          description: `Why: ${terminationReasons.join(', ')}; or the cluster’s own word.`,
        }),
        exitCode: z.int().nullable(),
        detail: z.string(),
        at: z.number(),
      })
      .nullable(),
    restarts: z
      .strictObject({
        count: z.int().openapi({ description: 'How often its container was replaced.' }),
        reason: z.string().openapi({
          description: 'Why it was the last time: `user-requested`, `engine-restart` or `node-reboot`.',
        }),
        detail: z.string(),
        at: z.number(),
        tries: z.int().openapi({
          description:
            'How often in a row it was started again after its engine had ended; 0: it was restarted on request.',
        }),
      })
      .nullable()
      .openapi({ description: 'null: its container is the first.' }),
    timings: z.array(z.strictObject({ step: z.string(), ms: z.number() })).readonly(),
    runner: runnerStatusSchema.nullable(),
    runs: z.array(runSummarySchema).readonly(),
    droppedReports: z.int().openapi({
      description:
        'What its runner reported unasked and was dropped, since the start of the daemon. Above 0 a program of the tenant overruns it or has taken its place.',
    }),
    usage: orNull(usageSchema).openapi({ description: 'What it has used, as of the last sample.' }),
    warnings: z.array(z.string()).readonly(),
  })
  .openapi('Kernel') satisfies z.ZodType<Document<KernelView>>;

/** Reply of `GET /v1/kernels`. */
export const kernelListSchema = z.strictObject({ kernels: z.array(kernelSchema).readonly() }).openapi('KernelList');
