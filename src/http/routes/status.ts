/** `/v1/status`: where the agent stands. */
import type { Agent } from '../../agent/agent.ts';
import type { ApiApp } from '../api-context.ts';
import { endpoint, json } from '../endpoint.ts';
import { statusReplySchema } from '../schema/status.ts';

/** Adds the endpoint. */
export function addStatusRoutes(app: ApiApp, agent: Agent): void {
  endpoint(
    app,
    {
      operation: 'getStatus',
      method: 'get',
      path: '/v1/status',
      tag: 'agent',
      summary: 'State of the agent, its engine and its resources.',
      status: 200,
      reply: { 'application/json': statusReplySchema },
    },
    async () => json(200, await agent.status()),
  );
}
