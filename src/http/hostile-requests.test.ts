/** The local API asked by somebody who knows its document, and means it harm. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from '@hono/zod-openapi';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectGarbage } from '../../test/support/collect-garbage.ts';
import { byDepth, fuzzRuns } from '../../test/support/depth.ts';
import { FakeAgent } from '../../test/support/fake-agent.ts';
import {
  type DocumentedOperation,
  encodeRequest,
  type HostileRequest,
  requestsFor,
} from '../../test/support/hostile-requests.ts';
import type { Definitions, Schema } from '../../test/support/json-schema-arbitrary.ts';
import { exchange, type RawReply } from '../../test/support/raw-http.ts';
import { openDescriptors } from '../lib/descriptor-budget.ts';
import { errorCodes } from '../lib/error-codes.ts';
import { parseKernelId, parseRunId } from '../lib/ids.ts';
import { silentLogger } from '../lib/log.ts';
import { createApp } from './app.ts';
import { type ApiServer, startApiServer } from './server.ts';

interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Omit<DocumentedOperation, 'method' | 'path'>>>>>;
  readonly components: { readonly schemas: Definitions };
}

/** What every request of the file is about, so that right ones find something. */
const kernel = parseKernelId('3f2a9c1e-0000-4000-8000-000000000001');
const run = parseRunId('a1b2c3');
const never = new AbortController().signal;
const headMs = 5_000;
const streamMs = 60;

const agent = await FakeAgent.start();
// What is asked for is held for longer than a test may take.
agent.wait = (id) => agent.inspect(id);
const app = createApp({ agent, version: '0', logger: silentLogger });
const document = (await (await app.request('/v1/openapi.json')).json()) as ApiDocument;
const { schemas } = document.components;
const operations: readonly DocumentedOperation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ ...operation, method, path })),
);
const known = {
  id: [kernel, kernel.slice(0, 8)],
  run: [run],
  service: ['jupyter'],
  path: ['a.txt', '.'],
  reference: ['kernelet/python:latest'],
};

let folder: string;
let server: ApiServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hostile-api-'));
  server = await startApiServer(app, join(folder, 'api.sock'), silentLogger);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await agent[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** A kernel with a run and a file is there, and few others. */
async function replenish(): Promise<void> {
  const there = [...agent.kernels.keys()].filter((id) => id !== kernel);
  if (there.length > 3) for (const id of there) await agent.destroy(id, { force: true });
  if (!agent.kernels.has(kernel)) {
    const request = {
      id: kernel,
      language: 'python',
      environ: {},
      mounts: [],
      publish: [8888],
      interpreter: 'eager',
    } as const;
    await agent.create(request, never);
  }
  await agent.execute(kernel, run, { mode: 'query', code: '1', timeoutMs: null }, never).catch(() => {});
  agent.files.set('a.txt', { bytes: Buffer.from('content'), mode: null });
}

/** Validates a value by a schema of the document. */
const validators = new Map<Schema, z.ZodType>();
function fits(schema: Schema, value: unknown): void {
  let validator = validators.get(schema);
  if (!validator) {
    const whole = JSON.stringify({ ...schema, $defs: schemas }).replaceAll('#/components/schemas/', '#/$defs/');
    validator = z.fromJSONSchema(JSON.parse(whole) as Parameters<typeof z.fromJSONSchema>[0]);
    validators.set(schema, validator);
  }
  validator.parse(value);
}

const mediaType = (reply: RawReply): string => (reply.headers['content-type'] ?? '').split(';')[0] ?? '';

/** The documents of a stream of server-sent events, by their types. */
function eventsOf(body: string): readonly (readonly [type: string, data: unknown])[] {
  const whole = body.slice(0, body.lastIndexOf('\n\n') + 1);
  return whole.split('\n\n').flatMap((event) => {
    const data = /^data: (.*)$/m.exec(event)?.[1];
    return data === undefined ? [] : [[/^event: (.*)$/m.exec(event)?.[1] ?? '', JSON.parse(data)] as const];
  });
}

/** The reply is one that the document promises. */
function isDocumented({ responses }: DocumentedOperation, reply: RawReply): void {
  const [success = ''] = Object.keys(responses).filter((status) => status !== 'default');
  const error = responses['default']?.content?.['application/json']?.schema ?? {};
  if (reply.status >= 400) {
    expect(mediaType(reply)).toBe('application/json');
    const { error: said } = JSON.parse(reply.body) as { readonly error: { readonly code: keyof typeof errorCodes } };
    fits(error, { error: said });
    expect(said.code).not.toBe('INTERNAL');
    expect(reply.status).toBe(errorCodes[said.code].httpStatus);
    return;
  }
  const content = responses[success]?.content ?? {};
  const type = mediaType(reply);
  // A reply whose status is sent before its end is known always has the one for streams.
  expect(reply.status).toBe(type === 'text/event-stream' ? 200 : Number(success));
  expect(Object.keys(content)).toContain(type);
  const schema = content[type]?.schema ?? {};
  if (type === 'application/json') fits(schema, JSON.parse(reply.body));
  if (type !== 'text/event-stream') return;
  for (const [event, data] of eventsOf(reply.body)) {
    if (event === 'error') fits(error, { error: data });
    else fits(event === 'result' ? (content['application/json']?.schema ?? {}) : schema, data);
    if (event === 'error') expect(data).not.toMatchObject({ code: 'INTERNAL' });
  }
}

async function tried(operation: DocumentedOperation, request: HostileRequest): Promise<void> {
  await replenish();
  const bytes = encodeRequest(operation.method, request);
  const halfCloses = request.framing === 'cut';
  const reply = await exchange(server.socketPath, bytes, { headMs, streamMs, halfCloses });
  const isHttp = request.framing === 'length' || request.framing === 'chunked';
  if (!reply) expect(isHttp, 'a whole request has a reply').toBe(false);
  // Node itself answers headers that are too long, whatever follows them.
  else if (reply.status === 431) expect(bytes.length).toBeGreaterThan(30_000);
  // So it does what is no HTTP, and may see the end of a body that is missing before the reply is there.
  else if (!isHttp && reply.body === '') expect([200, 400]).toContain(reply.status);
  // An address that was bent beyond recognition belongs to no operation.
  else if (reply.status === 404 && reply.body.includes('"NO_SUCH_ROUTE"')) return;
  else isDocumented(operationAt(operation, request.target), reply);
}

/** The operation that an address means: dots and slashes in it may have made it another's. */
function operationAt(meant: DocumentedOperation, target: string): DocumentedOperation {
  const { pathname } = new URL(target, 'http://localhost');
  const isAt = ({ method, path }: DocumentedOperation) =>
    method === meant.method &&
    new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{[a-z]+\}/g, '[^/]+')}$`).test(pathname);
  const exact = operations.find(({ method, path }) => method === meant.method && path === pathname);
  return exact ?? (isAt(meant) ? meant : (operations.find(isAt) ?? meant));
}

const heapBytes = (): number => {
  collectGarbage();
  return process.memoryUsage().heapUsed;
};

const usualRuns = 25;
const timeout = byDepth({ quick: 60_000, full: 60_000, nightly: 600_000 });

it('has a document whose every pattern is one', () => {
  for (const [, pattern = ''] of JSON.stringify(document).matchAll(/"pattern":"((?:[^"\\]|\\.)*)"/g)) {
    const text = JSON.parse(`"${pattern}"`) as string;
    expect(text).toMatch(/\$$/);
    expect(() => new RegExp(text, 'u')).not.toThrow();
  }
});

describe('whatever is asked of the API', () => {
  // @promise hostile-requests
  it.each(operations.map((operation) => [operation.operationId, operation] as const))(
    '%s answers in time with what the document says, and never with an internal error',
    async (_, operation) => {
      const requests = requestsFor(operation, schemas, known);
      const property = fc.asyncProperty(requests, (request) => tried(operation, request));
      await fc.assert(property, { numRuns: fuzzRuns(usualRuns), includeErrorInReport: true });
    },
    timeout,
  );

  // @promise hostile-requests, steady
  it(
    'leaves nothing behind: neither descriptors nor memory, and the next one is served',
    async () => {
      const round = async (seed: number): Promise<void> => {
        for (const operation of operations) {
          for (const request of fc.sample(requestsFor(operation, schemas, known), { seed, numRuns: 3 })) {
            await tried(operation, request);
          }
        }
      };
      await round(1);
      await expect.poll(() => openDescriptors(), { timeout: 5_000 }).toBeLessThan(200);
      const [heap, descriptors] = [heapBytes(), openDescriptors()];
      await round(1);
      await expect.poll(() => openDescriptors(), { timeout: 5_000 }).toBeLessThanOrEqual(descriptors + 2);
      expect(heapBytes() - heap).toBeLessThan(16 * 2 ** 20);
      const bytes = Buffer.from('GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      const reply = await exchange(server.socketPath, bytes, { headMs, streamMs, halfCloses: false });
      expect(reply?.status).toBe(200);
    },
    timeout,
  );
});
