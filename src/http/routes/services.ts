/** `/v1/kernels/{id}/services/{service}`: applications of a kernel. */
import type { Agent } from '../../agent/agent.ts';
import type { ApiApp } from '../api-context.ts';
import { endpoint, json } from '../endpoint.ts';
import { doneSchema } from '../schema/fields.ts';
import { serviceOutcomeSchema, serviceParamsSchema, startServiceBodySchema } from '../schema/service.ts';
import { openStream } from '../stream-reply.ts';

const path = '/v1/kernels/{id}/services/{service}';
const tag = 'services';

/** Adds the endpoints. */
export function addServiceRoutes(app: ApiApp, agent: Agent): void {
  endpoint(
    app,
    {
      operation: 'startService',
      method: 'post',
      path: `${path}/start`,
      tag,
      summary: 'Starts a service of the kernel; answers when its port is open, or with why it is not.',
      params: serviceParamsSchema,
      body: startServiceBodySchema,
      status: 200,
      reply: { 'application/json': serviceOutcomeSchema },
    },
    async ({ params, body, context }) =>
      json(200, await agent.startService(params.id, params.service, body, openStream(context).signal)),
  );
  endpoint(
    app,
    {
      operation: 'stopService',
      method: 'post',
      path: `${path}/stop`,
      tag,
      summary: 'Ends a service of the kernel; answers when it has ended, or did not run.',
      params: serviceParamsSchema,
      status: 200,
      reply: { 'application/json': doneSchema },
    },
    async ({ params, context }) => {
      await agent.stopService(params.id, params.service, openStream(context).signal);
      return json(200, {});
    },
  );
}
