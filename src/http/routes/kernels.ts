/** `/v1/kernels`: the lives of kernels. */
import { z } from '@hono/zod-openapi';
import type { Agent } from '../../agent/agent.ts';
import { awaitedStates } from '../../agent/awaited-state.ts';
import { labelFilter } from '../../agent/kernel-filter.ts';
import { kernelPhases } from '../../kernel/record.ts';
import { onIdleChoices } from '../../kernel/spec.ts';
import { maxBitRate, minBitRate } from '../../lib/bit-rate.ts';
import { homeRange, maxHomeBytes, minHomeBytes } from '../../lib/disk-space.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { Authority } from '../authority.ts';
import {
  durationField,
  environField,
  flagField,
  imageReferenceField,
  kernelNameField,
  kernelParamsSchema,
  labelsField,
  languageField,
  pathField,
  repeatedField,
} from '../fields.ts';
import { maxAccelerators, maxCpus, maxMemoryBytes, maxMounts, maxProcesses, maxPublishedPorts } from '../limits.ts';
import { longWork } from '../long-work.ts';
import { type ApiApp, addOperations, type Operations } from '../operation.ts';
import { openStream } from '../stream-reply.ts';
import { progressSchema } from './images.ts';
import { kernelListSchema, kernelSchema } from './kernel-schema.ts';
import { interruptReplySchema } from './runs.ts';

const absolutePathField = pathField.refine((path) => path.startsWith('/'), 'not an absolute path');

/** A host path bound into a kernel. */
const mountSchema = z
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

const acceleratorsSchema = z
  .record(
    z.string().regex(/^[a-z0-9_-]{1,64}\.[a-z0-9_.:-]{1,128}$/, 'not a slot of an accelerator, such as cuda.device'),
    z.string().regex(/^\d{1,9}(\.\d{1,9})?$/, 'not a decimal number'),
  )
  .refine((all) => Object.keys(all).length <= maxAccelerators, `at most ${maxAccelerators} slots`)
  .openapi({ description: 'Slots of accelerators with decimal amounts.', example: { 'cuda.device': '1' } });

const homeRangeText = `the limit of the home must be ${homeRange}`;

const createBodySchema = z
  .strictObject({
    id: z.guid('not a UUID').optional(),
    name: kernelNameField.optional(),
    labels: labelsField.optional(),
    image: imageReferenceField.optional().openapi({ description: 'Else picked, and built once, from `language`.' }),
    language: languageField.optional(),
    pull: z
      .enum(['never', 'missing', 'always'])
      .optional()
      .openapi({ description: 'When to pull the image; else as configured, which is `missing` unless changed.' }),
    cpus: z.number().positive().max(maxCpus).optional(),
    memoryBytes: z.int().positive().max(maxMemoryBytes).optional(),
    processes: z.int().positive().max(maxProcesses).optional(),
    homeBytes: z
      .int()
      .min(minHomeBytes, homeRangeText)
      .max(maxHomeBytes, homeRangeText)
      .optional()
      .openapi({ description: 'What the files below `/home/work` may take; else as configured.' }),
    bitsPerSecond: z
      .int()
      .min(minBitRate)
      .max(maxBitRate)
      .optional()
      .openapi({ description: 'How much its network carries in each direction; else as configured.' }),
    accelerators: acceleratorsSchema.optional(),
    environ: environField.default({}),
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
    idleTimeoutMs: durationField
      .optional()
      .openapi({ description: 'Removed, or paused as `onIdle` says, after this long without a run.' }),
    onIdle: z.enum(onIdleChoices).optional().openapi({
      description: 'What is done after the idle time-out; else as configured, which is `end` unless changed.',
    }),
    ttlMs: durationField
      .optional()
      .openapi({ description: 'Removed when this long has passed since it was asked for, whatever it does.' }),
    writableRoot: z.boolean().optional().openapi({
      description:
        'Whether the root file system of its container can be written, where `kernelet.writable-root` lets it; else as configured, which is read-only unless changed.',
    }),
    interpreter: z.enum(['eager', 'lazy']).default('eager'),
    ociRuntime: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'not the name of an OCI runtime')
      .optional()
      .openapi({
        example: 'runsc',
        description: 'One that `kernelet.oci-runtimes` names; else as configured.',
      }),
  })
  .openapi('CreateRequest');

const managedField = flagField.openapi({ description: 'In a cluster: against its authority.' });

const createQuerySchema = z.strictObject({
  attached: flagField.openapi({
    description: 'With an event stream: the kernel is removed when the client closes the stream.',
  }),
  force: managedField,
});

/** Of what a cluster decides about. */
export const managedQuerySchema = z.strictObject({ force: managedField });

/** For longer nobody holds a request: who waits asks again. */
const maxWaitMs = 60_000;
const waitQuerySchema = z.strictObject({
  for: z.enum(awaitedStates).default('ended').openapi({ description: '`running`: it runs and is not paused.' }),
  timeoutMs: z.coerce
    .number()
    .int()
    .min(0)
    .max(maxWaitMs)
    .default(30_000)
    .openapi({ description: 'After which the answer says how the kernel is, though it is not so.' }),
});

const listQuerySchema = z.strictObject({
  all: flagField.openapi({ description: 'Also kernels that ended a short while ago.' }),
  name: repeatedField(z.string().min(1).max(64)).openapi({
    description: 'Only kernels with this text in their names; with several, with one of them.',
  }),
  label: repeatedField(z.string().min(1).max(512)).openapi({
    description: 'Only kernels with this label: `KEY`, or `KEY=VALUE`; with several, with all of them.',
  }),
  phase: repeatedField(z.enum(kernelPhases)).openapi({
    description: 'Only kernels in this phase; with several, in one of them. `terminated` lists ended ones too.',
  }),
});

const destroyQuerySchema = z.strictObject({
  force: flagField.openapi({
    description: "Skips the grace of the tenant's processes. In a cluster: also against its authority.",
  }),
  forget: flagField.openapi({ description: 'It is not listed among the kernels that ended a short while ago.' }),
});

const tag = 'kernels';
const kernelReply = { 'application/json': kernelSchema } as const;

export const kernelOperations = {
  createKernel: {
    method: 'post',
    path: '/v1/kernels',
    tag,
    summary: 'Creates a kernel. Answers when it is ready; a client that leaves before undoes the creation.',
    query: createQuerySchema,
    body: createBodySchema,
    status: 201,
    reply: { 'application/json': kernelSchema, 'text/event-stream': progressSchema },
  },
  listKernels: {
    method: 'get',
    path: '/v1/kernels',
    tag,
    summary: 'The kernels of this node.',
    query: listQuerySchema,
    status: 200,
    reply: { 'application/json': kernelListSchema },
  },
  inspectKernel: {
    method: 'get',
    path: '/v1/kernels/{id}',
    tag,
    summary: 'One kernel.',
    params: kernelParamsSchema,
    status: 200,
    reply: kernelReply,
  },
  destroyKernel: {
    method: 'delete',
    path: '/v1/kernels/{id}',
    tag,
    summary: 'Ends a kernel. Answers when nothing of it is left; goes on when the client leaves.',
    params: kernelParamsSchema,
    query: destroyQuerySchema,
    status: 200,
    reply: kernelReply,
  },
  restartKernel: {
    method: 'post',
    path: '/v1/kernels/{id}/restart',
    tag,
    summary: 'Gives a kernel a fresh container; its files, ports and network stay.',
    params: kernelParamsSchema,
    query: managedQuerySchema,
    status: 200,
    reply: kernelReply,
  },
  waitForKernel: {
    method: 'get',
    path: '/v1/kernels/{id}/wait',
    tag,
    summary: 'Waits until a kernel has ended, is paused, or runs, or for so long.',
    params: kernelParamsSchema,
    query: waitQuerySchema,
    status: 200,
    reply: kernelReply,
  },
  pauseKernel: {
    method: 'post',
    path: '/v1/kernels/{id}/pause',
    tag,
    summary:
      'Has all processes of a kernel stand still, and gives its memory back where that can be. What is asked of it later resumes it.',
    params: kernelParamsSchema,
    query: managedQuerySchema,
    status: 200,
    reply: kernelReply,
  },
  resumeKernel: {
    method: 'post',
    path: '/v1/kernels/{id}/resume',
    tag,
    summary: 'Has the processes of a kernel go on, whoever paused it.',
    params: kernelParamsSchema,
    query: managedQuerySchema,
    status: 200,
    reply: kernelReply,
  },
  interruptKernel: {
    method: 'post',
    path: '/v1/kernels/{id}/interrupt',
    tag,
    summary:
      'Interrupts the query or batch run that runs, like Ctrl-C; programs and commands are interrupted by their runs.',
    params: kernelParamsSchema,
    status: 200,
    reply: { 'application/json': interruptReplySchema },
  },
} as const satisfies Operations;

export function addKernelRoutes(app: ApiApp, agent: Agent, authority: Authority): void {
  addOperations(app, kernelOperations, {
    async createKernel({ query, body, context }) {
      authority.require('create a kernel', query.force);
      const events = context.req.header('accept')?.includes('text/event-stream');
      if (query.attached && !events) {
        throw new KerneletError('INVALID_ARGUMENT', 'query.attached: only with the header "accept: text/event-stream"');
      }
      const whenClientLeaves = async (kernel: { id: string }): Promise<void> => {
        await agent.destroy(kernel.id, { force: true }).catch(() => {});
      };
      return await longWork(
        context,
        201,
        (signal, onProgress) => agent.create(body, signal, onProgress),
        query.attached ? { whenClientLeaves } : {},
      );
    },
    async listKernels({ query: { all, name, label, phase } }) {
      const filter = { names: name, labels: label.map(labelFilter), phases: phase };
      return { kernels: await agent.list({ all, filter }) };
    },
    inspectKernel: ({ params, context }) => agent.inspectNow(params.id, openStream(context).signal),
    async destroyKernel({ params, query }) {
      authority.require('end a kernel', query.force);
      return await agent.destroy(params.id, query);
    },
    async restartKernel({ params, query, context }) {
      authority.require('restart a kernel', query.force);
      return await agent.restart(params.id, openStream(context).signal);
    },
    waitForKernel: ({ params, query, context }) =>
      agent.wait(params.id, query.for, query.timeoutMs, openStream(context).signal),
    async pauseKernel({ params, query }) {
      authority.require('pause a kernel', query.force);
      return await agent.pause(params.id);
    },
    async resumeKernel({ params, query, context }) {
      authority.require('resume a kernel', query.force);
      return await agent.resume(params.id, openStream(context).signal);
    },
    interruptKernel: ({ params, context }) => agent.interrupt(params.id, null, openStream(context).signal),
  });
}
