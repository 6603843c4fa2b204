/** The local API as a function from request to response, and its document; `server.ts` puts it on a socket. */
import { OpenAPIHono, z } from '@hono/zod-openapi';
import type { Agent } from '../agent/agent.ts';
import { KerneletError, toKerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { Authority } from './authority.ts';
import { errorReply } from './errors.ts';
import { type ApiApp, addOperations, type Operations } from './operation.ts';
import type { ProxyPatience } from './ports/port-proxy.ts';
import { refuseDotSegments, refuseForeignPage } from './refused-requests.ts';
import { addContextRoutes } from './routes/contexts.ts';
import { addEventRoutes } from './routes/events.ts';
import { addFileWorkRoutes } from './routes/file-work.ts';
import { addFileRoutes } from './routes/files.ts';
import { addImageRoutes } from './routes/images.ts';
import { addKeptRoutes } from './routes/kept.ts';
import { addKernelRoutes } from './routes/kernels.ts';
import { addLogRoutes } from './routes/logs.ts';
import { addPortRoutes } from './routes/ports.ts';
import { addResourceRoutes } from './routes/resources.ts';
import { addRunRoutes } from './routes/runs.ts';
import { addServiceRoutes } from './routes/services.ts';
import { addStatsRoutes } from './routes/stats.ts';
import { addStatusRoutes } from './routes/status.ts';

/** What the app is made of. */
export interface AppOptions {
  readonly agent: Agent;
  readonly version: string;
  readonly logger: Logger;
  /** Whether a cluster decides about the kernels of this node: what would end or make one then needs force. */
  readonly managed?: boolean;
  /** With servers in kernels; the usual one when absent. */
  readonly portPatience?: ProxyPatience;
}

/** The app with all operations; nothing listens yet. */
export function createApp({ agent, version, logger, managed = false, portPatience }: AppOptions): ApiApp {
  const app: ApiApp = new OpenAPIHono();
  const authority = new Authority(managed);
  app.use(async ({ req, env }, next) => {
    const { incoming, upgraded } = env ?? {};
    // Inside this process nobody asks for a page, nor through a gate.
    if (incoming) {
      refuseDotSegments(incoming.url ?? '');
      refuseForeignPage({ method: req.method, headers: incoming.headers, upgrades: upgraded !== undefined });
    }
    await next();
  });
  addStatusRoutes(app, agent);
  addResourceRoutes(app, agent);
  addKernelRoutes(app, agent, authority);
  addKeptRoutes(app, agent, authority);
  addRunRoutes(app, agent);
  addContextRoutes(app, agent);
  addServiceRoutes(app, agent);
  addPortRoutes(app, agent, portPatience);
  addFileRoutes(app, agent);
  addFileWorkRoutes(app, agent);
  addLogRoutes(app, agent);
  addEventRoutes(app, agent);
  addStatsRoutes(app, agent);
  addImageRoutes(app, agent);
  addOpenApiRoute(app, version);
  app.notFound((context) =>
    errorReply(
      new KerneletError('NO_SUCH_ROUTE', `there is no ${context.req.method} ${context.req.path.slice(0, 200)}`),
    ),
  );
  app.onError((thrown, context) => {
    const error = toKerneletError(thrown);
    if (error.entry.kind === 'internal') {
      logger.error('request failed', { method: context.req.method, path: context.req.path, error });
    }
    return errorReply(error);
  });
  return app;
}

const documentSchema = z
  .looseObject({ openapi: z.literal('3.1.0') })
  .openapi('OpenApi', { description: 'An OpenAPI document.' });

const openApiOperations = {
  getOpenApi: {
    method: 'get',
    path: '/v1/openapi.json',
    tag: 'agent',
    summary: 'This document.',
    status: 200,
    reply: { 'application/json': documentSchema },
  },
} as const satisfies Operations;

/** Adds the operation; the document has everything that has been added to the app when it is first asked for. */
function addOpenApiRoute(app: ApiApp, version: string): void {
  let document: ReturnType<typeof openApiDocument> | undefined;
  addOperations(app, openApiOperations, {
    async getOpenApi() {
      document ??= openApiDocument(app, version);
      return document;
    },
  });
}

function openApiDocument(app: ApiApp, version: string): z.input<typeof documentSchema> {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'kernelet',
      version,
      description: 'The local API of a kernelet node, served over HTTP on a UNIX socket that only its owner can open.',
      license: { name: 'Apache-2.0' },
    },
  });
  return { ...document, openapi: '3.1.0' };
}
