/** `/v1/kernels`: the lives of kernels. */
import type { Agent } from '../../agent/agent.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { ApiApp } from '../api-context.ts';
import type { Authority } from '../authority.ts';
import { endpoint, json } from '../endpoint.ts';
import { longWork } from '../long-work.ts';
import { progressSchema } from '../schema/image.ts';
import {
  createBodySchema,
  createQuerySchema,
  destroyQuerySchema,
  kernelListSchema,
  kernelParamsSchema,
  kernelSchema,
  listQuerySchema,
  restartQuerySchema,
} from '../schema/kernel.ts';
import { interruptReplySchema } from '../schema/run.ts';
import { openStream } from '../stream-reply.ts';

const tag = 'kernels';
const kernelReply = { 'application/json': kernelSchema };

/** Adds the endpoints. */
export function addKernelRoutes(app: ApiApp, agent: Agent, authority: Authority): void {
  addCreate(app, agent, authority);
  endpoint(
    app,
    {
      operation: 'listKernels',
      method: 'get',
      path: '/v1/kernels',
      tag,
      summary: 'The kernels of this node.',
      query: listQuerySchema,
      status: 200,
      reply: { 'application/json': kernelListSchema },
    },
    async ({ query }) => json(200, { kernels: await agent.list({ all: query.all }) }),
  );
  endpoint(
    app,
    {
      operation: 'inspectKernel',
      method: 'get',
      path: '/v1/kernels/{id}',
      tag,
      summary: 'One kernel.',
      params: kernelParamsSchema,
      status: 200,
      reply: kernelReply,
    },
    async ({ params }) => json(200, await agent.inspect(params.id)),
  );
  endpoint(
    app,
    {
      operation: 'destroyKernel',
      method: 'delete',
      path: '/v1/kernels/{id}',
      tag,
      summary: 'Ends a kernel. Answers when nothing of it is left; goes on when the client leaves.',
      params: kernelParamsSchema,
      query: destroyQuerySchema,
      status: 200,
      reply: kernelReply,
    },
    async ({ params, query }) => {
      authority.require('end a kernel', query.force);
      return json(200, await agent.destroy(params.id, { force: query.force }));
    },
  );
  endpoint(
    app,
    {
      operation: 'restartKernel',
      method: 'post',
      path: '/v1/kernels/{id}/restart',
      tag,
      summary: 'Gives a kernel a fresh container; its files, ports and network stay.',
      params: kernelParamsSchema,
      query: restartQuerySchema,
      status: 200,
      reply: kernelReply,
    },
    async ({ params, query, context }) => {
      authority.require('restart a kernel', query.force);
      return json(200, await agent.restart(params.id, openStream(context).signal));
    },
  );
  endpoint(
    app,
    {
      operation: 'interruptKernel',
      method: 'post',
      path: '/v1/kernels/{id}/interrupt',
      tag,
      summary: 'Interrupts what the kernel is running, like Ctrl-C.',
      params: kernelParamsSchema,
      status: 200,
      reply: { 'application/json': interruptReplySchema },
    },
    async ({ params, context }) => json(200, await agent.interrupt(params.id, null, openStream(context).signal)),
  );
}

function addCreate(app: ApiApp, agent: Agent, authority: Authority): void {
  endpoint(
    app,
    {
      operation: 'createKernel',
      method: 'post',
      path: '/v1/kernels',
      tag,
      summary: 'Creates a kernel. Answers when it is ready; a client that leaves before undoes the creation.',
      query: createQuerySchema,
      body: createBodySchema,
      status: 201,
      reply: { 'application/json': kernelSchema, 'text/event-stream': progressSchema },
    },
    async ({ query, body, context }) => {
      authority.require('create a kernel', query.force);
      const events = context.req.header('accept')?.includes('text/event-stream');
      if (query.attached && !events) {
        throw new KerneletError('INVALID_ARGUMENT', 'query.attached: only with the header "accept: text/event-stream"');
      }
      const whenClientLeaves = async (kernel: { id: string }): Promise<void> => {
        await agent.destroy(kernel.id, { force: true }).catch(() => {});
      };
      return longWork(
        context,
        201,
        (signal, onProgress) => agent.create(body, signal, onProgress),
        query.attached ? { whenClientLeaves } : {},
      );
    },
  );
}
