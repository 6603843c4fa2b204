/** `/v1/openapi.json`: the OpenAPI document, from the schemas that validate the requests. */
import { z } from '@hono/zod-openapi';
import type { ApiApp } from './api-context.ts';
import { endpoint, json } from './endpoint.ts';

const documentSchema = z
  .looseObject({ openapi: z.literal('3.1.0') })
  .openapi('OpenApi', { description: 'An OpenAPI document.' });

/** Adds the endpoint; the document has everything that has been added to the app when it is first asked for. */
export function addOpenApiRoute(app: ApiApp, version: string): void {
  let document: object | undefined;
  endpoint(
    app,
    {
      operation: 'getOpenApi',
      method: 'get',
      path: '/v1/openapi.json',
      tag: 'agent',
      summary: 'This document.',
      status: 200,
      reply: { 'application/json': documentSchema },
    },
    async () => {
      document ??= openApiDocument(app, version);
      return json(200, document);
    },
  );
}

function openApiDocument(app: ApiApp, version: string): object {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'kernelet',
      version,
      description: 'The local API of a kernelet node, served over HTTP on a UNIX socket that only its owner can open.',
      license: { name: 'Apache-2.0' },
    },
  });
}
