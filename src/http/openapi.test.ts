import { afterAll, describe, expect, it } from 'vitest';
import { FakeAgent } from '../../test/support/fake-agent.ts';
import { silentLogger } from '../lib/log.ts';
import { createApp } from './app.ts';

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: object }>> }>>;
}

const agent = await FakeAgent.start();
afterAll(() => agent[Symbol.asyncDispose]());
const app = createApp({ agent, version: '1.2.3', logger: silentLogger });
const document = (await (await app.request('/v1/openapi.json')).json()) as {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, path, operation })),
);

describe('the OpenAPI document', () => {
  // @promise api-document
  it('has every route of the app, and no other', () => {
    // For every method stand a look at each request, and the addresses of servers in kernels, which the list of ports tells of.
    const own = app.routes.filter(({ method }) => method !== 'ALL');
    const served = own.map(({ method, path }) => `${method} ${path.replaceAll(/:([a-z]+)/g, '{$1}')}`);
    expect(operations.map(({ name }) => name).sort()).toEqual([...new Set(served)].sort());
    expect(served).toContain('GET /v1/openapi.json');
    expect(operations.length).toBeGreaterThan(24);
  });

  it('gives each operation a name of its own, its parameters, and the form of its errors', () => {
    const names = operations.map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(operations.length);
    for (const { path, operation } of operations) {
      const inPath = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === 'path')
        .map(({ name }) => name);
      expect(inPath).toEqual([...path.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => name));
      const { default: failure, ...successes } = operation.responses;
      expect(failure?.content?.['application/json']?.schema).toEqual({ $ref: '#/components/schemas/ErrorReply' });
      expect(Object.keys(successes)).toEqual([expect.stringMatching(/^20[012]$/)]);
    }
  });

  it('has everything that it refers to', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    expect(references.length).toBeGreaterThan(20);
    for (const [, name] of references) expect(document.components.schemas).toHaveProperty([name ?? '']);
  });
});
