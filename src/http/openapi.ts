/** `/v1/openapi.json`: the OpenAPI document, from the schemas that validate the requests. */
import { z } from '@hono/zod-openapi';
import { type ApiApp, addOperations, type Operations } from './operation.ts';

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
export function addOpenApiRoute(app: ApiApp, version: string): void {
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
