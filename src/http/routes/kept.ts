/** `/v1/kept`: files of kernels whose end nobody asked for, and the way back. */
import { z } from '@hono/zod-openapi';
import type { Agent, KeptView } from '../../agent/agent.ts';
import type { Authority } from '../authority.ts';
import { kernelParamsSchema, pathField } from '../fields.ts';
import { longWork } from '../long-work.ts';
import { type ApiApp, addOperations, type Document, type Operations } from '../operation.ts';
import { progressSchema } from './images.ts';
import { kernelSchema } from './kernel-schema.ts';
import { managedQuerySchema } from './kernels.ts';

/** What is kept of one. */
export const keptSchema = z
  .strictObject({
    id: z.string(),
    name: z.string().nullable().openapi({ description: 'null: it had none, or only the files are left.' }),
    endedAt: z.number().openapi({ description: 'Milliseconds since the epoch.' }),
    until: z.number().openapi({ description: 'When they are deleted, at the latest.' }),
    bytes: z.number().nullable().openapi({ description: 'null: not known yet.' }),
    image: z.string().nullable().openapi({ description: 'null, as the next two: only the files are left.' }),
    runtime: z.string().nullable(),
    termination: z
      .strictObject({
        reason: z.string(),
        exitCode: z.int().nullable(),
        detail: z.string(),
        at: z.number(),
      })
      .nullable(),
  })
  .openapi('KeptFiles') satisfies z.ZodType<Document<KeptView>>;

const moveBodySchema = z.strictObject({
  to: pathField
    .refine((path) => path.startsWith('/'), 'not an absolute path')
    .openapi({ example: '/root/found', description: 'A folder of this host that is not there yet, in one that is.' }),
});

const tag = 'kept files';

export const keptOperations = {
  listKeptFiles: {
    method: 'get',
    path: '/v1/kept',
    tag,
    summary: 'Files that are kept of kernels whose end nobody asked for, the latest first.',
    status: 200,
    reply: {
      'application/json': z.strictObject({ kept: z.array(keptSchema).readonly() }).openapi('KeptFilesList'),
    },
  },
  restoreKernel: {
    method: 'post',
    path: '/v1/kept/{id}/restore',
    tag,
    summary: 'Creates such a kernel again, with its id and its files. Answers when it is ready.',
    params: kernelParamsSchema,
    query: managedQuerySchema,
    status: 200,
    reply: { 'application/json': kernelSchema, 'text/event-stream': progressSchema },
  },
  moveKeptFiles: {
    method: 'post',
    path: '/v1/kept/{id}/move',
    tag,
    summary: 'Moves the files of such a kernel to a folder of this host.',
    params: kernelParamsSchema,
    body: moveBodySchema,
    status: 200,
    reply: { 'application/json': keptSchema, 'text/event-stream': progressSchema },
  },
} as const satisfies Operations;

export function addKeptRoutes(app: ApiApp, agent: Agent, authority: Authority): void {
  addOperations(app, keptOperations, {
    listKeptFiles: async () => ({ kept: await agent.keptFiles() }),
    async restoreKernel({ params, query, context }) {
      authority.require('create a kernel', query.force);
      return await longWork(context, 200, (signal) => agent.restore(params.id, signal));
    },
    moveKeptFiles: ({ params, body, context }) =>
      longWork(context, 200, (signal) => agent.moveKept(params.id, body.to, signal)),
  });
}
