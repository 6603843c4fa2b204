/** The OpenAPI document, from the schemas that validate the requests. */
import type { ApiApp } from './api-context.ts';

/** Builds the document of everything that was added to the app. */
export function openApiDocument(app: ApiApp, version: string): object {
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
