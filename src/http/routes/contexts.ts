/** `/v1/kernels/{id}/contexts`: interpreters of a kernel, each with a state of its own. */
import { z } from '@hono/zod-openapi';
import type { Agent } from '../../agent/agent.ts';
import { newRunId } from '../../lib/ids.ts';
import { type ContextState, interpreterStates } from '../../protocol/kernel-contexts.ts';
import { contextField, doneSchema, kernelIdField, kernelParamsSchema, languageField, pathField } from '../fields.ts';
import { type ApiApp, addOperations, type Document, type Operations } from '../operation.ts';
import { openStream } from '../stream-reply.ts';
import { interruptReplySchema } from './runs.ts';

const contextParamsSchema = z.strictObject({ id: kernelIdField, context: contextField });

const createContextBodySchema = z
  .strictObject({
    name: contextField.optional().openapi({ description: 'Chosen when absent.' }),
    language: languageField.optional().openapi({ description: "Else the kernel's; the image has to have it." }),
    cwd: pathField.optional().openapi({ description: 'The folder in which it starts; the home when absent.' }),
  })
  .openapi('CreateContext');

const createContextReplySchema = z
  .strictObject({
    name: z.string(),
    existing: z.boolean().openapi({ description: 'The same context was already there.' }),
  })
  .openapi('CreateContextReply');

/** A context; its fields are those of the runner's view of one. */
const contextSchema = z
  .strictObject({
    name: z.string(),
    runtime: z.string(),
    cwd: z.string().nullable().openapi({ description: 'null: the home.' }),
    state: z.enum(interpreterStates).openapi({
      description: 'Of its interpreter. `none`: its language keeps no state; `idle`: it is started by the next query.',
    }),
    detail: z.string().openapi({ description: 'Why its interpreter could not be started.' }),
    waiting: z.int().openapi({ description: 'Runs that wait in it.' }),
    running: z.string().nullable().openapi({ description: 'The run that runs in it.' }),
  })
  .openapi('Context') satisfies z.ZodType<Document<ContextState>>;

const contextListSchema = z.strictObject({ contexts: z.array(contextSchema).readonly() }).openapi('ContextList');

const tag = 'contexts';
const path = '/v1/kernels/{id}/contexts';

export const contextOperations = {
  createContext: {
    method: 'post',
    path,
    tag,
    summary: 'Makes a context and starts its interpreter. The same name with the same contents is not made twice.',
    params: kernelParamsSchema,
    body: createContextBodySchema,
    status: 201,
    reply: { 'application/json': createContextReplySchema },
  },
  listContexts: {
    method: 'get',
    path,
    tag,
    summary: 'The contexts of a kernel; `main` is always there. A restart of the kernel removes the others.',
    params: kernelParamsSchema,
    status: 200,
    reply: { 'application/json': contextListSchema },
  },
  restartContext: {
    method: 'post',
    path: `${path}/{context}/restart`,
    tag,
    summary: 'Cancels what runs and waits in a context and gives it a new interpreter; its variables are gone.',
    params: contextParamsSchema,
    status: 200,
    reply: { 'application/json': doneSchema },
  },
  interruptContext: {
    method: 'post',
    path: `${path}/{context}/interrupt`,
    tag,
    summary: 'Interrupts what runs in a context, like Ctrl-C.',
    params: contextParamsSchema,
    status: 200,
    reply: { 'application/json': interruptReplySchema },
  },
  removeContext: {
    method: 'delete',
    path: `${path}/{context}`,
    tag,
    summary: 'Cancels what runs and waits in a context and removes it. `main` stays.',
    params: contextParamsSchema,
    status: 200,
    reply: { 'application/json': doneSchema },
  },
} as const satisfies Operations;

export function addContextRoutes(app: ApiApp, agent: Agent): void {
  addOperations(app, contextOperations, {
    async createContext({ params, body, context }) {
      const name = body.name ?? newRunId();
      return { name, ...(await agent.createContext(params.id, { ...body, name }, openStream(context).signal)) };
    },
    listContexts: async ({ params, context }) => ({
      contexts: await agent.listContexts(params.id, openStream(context).signal),
    }),
    async restartContext({ params, context }) {
      await agent.restartContext(params.id, params.context, openStream(context).signal);
      return {};
    },
    interruptContext: ({ params, context }) =>
      agent.interrupt(params.id, null, openStream(context).signal, params.context),
    async removeContext({ params, context }) {
      await agent.removeContext(params.id, params.context, openStream(context).signal);
      return {};
    },
  });
}
