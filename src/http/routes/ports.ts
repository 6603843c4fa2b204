/** `/v1/kernels/{id}/ports`: TCP ports of a kernel, and the way to each without publishing it. */
import type { ServerResponse } from 'node:http';
import { z } from '@hono/zod-openapi';
import type { Agent, KernelPorts } from '../../agent/agent.ts';
import { systemClock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { kernelIdField, kernelParamsSchema } from '../fields.ts';
import { type ApiApp, type ApiContext, addOperations, type Document, type Operations } from '../operation.ts';
import { joinStreams } from '../ports/join-streams.ts';
import { type ProxyPatience, proxyRequest, switchProtocols, usualPatience } from '../ports/port-proxy.ts';
import { alreadySent, openStream } from '../stream-reply.ts';

const portField = z.int().min(1).max(65_535);

const portListSchema = z
  .strictObject({
    published: z
      .array(z.strictObject({ containerPort: z.int(), hostPort: z.int() }))
      .readonly()
      .openapi({ description: 'Ports of the kernel that are ports of the node too.' }),
    ports: z
      .array(z.strictObject({ port: portField, addresses: z.array(z.string()).readonly() }))
      .readonly()
      .openapi({ description: 'On which something listens in the kernel, and at which of its addresses.' }),
    more: z.boolean().openapi({ description: 'Whether there are others, which are too many to be listed.' }),
  })
  .openapi('PortList') satisfies z.ZodType<Document<KernelPorts>>;

export const portOperations = {
  listPorts: {
    method: 'get',
    path: '/v1/kernels/{id}/ports',
    tag: 'ports',
    summary:
      'Ports that are published, and those on which something listens. What is asked at `/v1/kernels/{id}/ports/PORT/PATH`, by any method, goes to the HTTP server on this port of the kernel as PATH; `Upgrade: tcp` at `/v1/kernels/{id}/ports/PORT` makes the connection one to the port.',
    params: kernelParamsSchema,
    status: 200,
    reply: { 'application/json': portListSchema },
  },
} as const satisfies Operations;

/** `/v1/kernels/ID/ports/PORT`, and what follows, as the caller wrote it: no part of a path of a tenant's server means anything here. */
const addressForm = /^(\/v1\/kernels\/([^/?#]+)\/ports\/([0-9]{1,5}))(\/[^#]*|\?[^#]*)?$/;

/** Whether a connection that asks for another protocol may become one to a port. */
export const upgradesToPort = (url: string | undefined, protocol: string | undefined): boolean =>
  addressForm.test(url ?? '') && protocol !== undefined && !/^h2c?$/i.test(protocol.trim());

export function addPortRoutes(app: ApiApp, agent: Agent, patience: ProxyPatience = usualPatience): void {
  addOperations(app, portOperations, {
    listPorts: ({ params, context }) => agent.ports(params.id, openStream(context).signal),
  });
  const handle = (context: ApiContext): Promise<Response> => toPort(context, agent, patience);
  app.all('/v1/kernels/:id/ports/:port', handle);
  app.all('/v1/kernels/:id/ports/:port/*', handle);
}

async function toPort(context: ApiContext, agent: Agent, patience: ProxyPatience): Promise<Response> {
  const { incoming, outgoing, upgraded = null } = context.env ?? {};
  const [, prefix, id, digits, rest = ''] = addressForm.exec(incoming?.url ?? '') ?? [];
  const port = portField.safeParse(Number(digits));
  if (prefix === undefined || !kernelIdField.safeParse(id).success || !port.success || !incoming || !outgoing) {
    throw new KerneletError('NO_SUCH_ROUTE', `there is no ${context.req.method} ${context.req.path.slice(0, 200)}`);
  }
  const isRaw = upgraded !== null && incoming.headers.upgrade?.toLowerCase() === 'tcp' && !rest.startsWith('/');
  if (!isRaw && !rest.startsWith('/')) {
    // Links of a page would lead elsewhere without the slash.
    return new Response(null, { status: 308, headers: { location: `${prefix}/${rest}` } });
  }
  const signal = untilGone(outgoing, context.env.stopping);
  const far = await agent.connectPort(id ?? '', port.data, signal);
  if (upgraded && isRaw) {
    switchProtocols(outgoing, ['Connection', 'Upgrade', 'Upgrade', 'tcp']);
    joinStreams(upgraded, far, { idleMs: patience.connectionMs, clock: systemClock, signal });
  } else {
    const place = { port: port.data, prefix };
    await proxyRequest({
      ...{ incoming, upgraded, outgoing, place, path: rest, far, patience, clock: systemClock, signal },
    });
  }
  return new Response(null, { headers: { [alreadySent]: 'true' } });
}

/**
 * Aborts when the caller has gone or the server stops. The signal of the request is none of it: who asks for that has its body read.
 */
function untilGone(outgoing: ServerResponse, stopping: AbortSignal | undefined): AbortSignal {
  const gone = new AbortController();
  outgoing.once('close', () => gone.abort(new KerneletError('CANCELLED', 'the client has closed the connection')));
  return stopping ? AbortSignal.any([gone.signal, stopping]) : gone.signal;
}
