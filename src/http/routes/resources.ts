/** `/v1/resources`: what the node has, and who has it. */
import type { Agent } from '../../agent/agent.ts';
import type { ApiApp } from '../api-context.ts';
import { endpoint, json } from '../endpoint.ts';
import { resourcesReplySchema } from '../schema/resources.ts';
import { openStream } from '../stream-reply.ts';

/** Adds the endpoint. */
export function addResourceRoutes(app: ApiApp, agent: Agent): void {
  endpoint(
    app,
    {
      operation: 'getResources',
      method: 'get',
      path: '/v1/resources',
      tag: 'agent',
      summary: 'Slots and devices of the node, what kernels have of them, and the device plugins.',
      status: 200,
      reply: { 'application/json': resourcesReplySchema },
    },
    async ({ context }) => json(200, await agent.resources(openStream(context).signal)),
  );
}
