import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeAgent } from '../../test/support/fake-agent.ts';
import { plantFigures } from '../../test/support/figures.ts';
import { silentLogger } from '../lib/log.ts';
import { createApp } from './app.ts';
import { errorReplySchema } from './errors.ts';
import type { ApiApp } from './operation.ts';
import { fileChangeSchema, fileFactsSchema } from './routes/file-work.ts';
import { fileListSchema } from './routes/files.ts';
import { imageListSchema, imageSchema } from './routes/images.ts';
import { kernelListSchema, kernelSchema } from './routes/kernel-schema.ts';
import { finalRecordsSchema, kernelMetricsSchema, nodeMetricsSchema, statsReplySchema } from './routes/stats.ts';
import { statusReplySchema } from './routes/status.ts';

const absent = 'ffffffff-ffff-4fff-8fff-ffffffffffff';
let agent: FakeAgent;
let app: ApiApp;
beforeEach(async () => {
  agent = await FakeAgent.start();
  app = createApp({ agent, version: '1.2.3', logger: silentLogger });
});
afterEach(() => agent[Symbol.asyncDispose]());

const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
  const init: RequestInit = { method, headers };
  if (body !== undefined) {
    init.body = typeof body === 'string' ? body : JSON.stringify(body);
    init.headers = { 'content-type': 'application/json', ...headers };
  }
  return await app.request(path, init);
};
const json = async (response: Response | Promise<Response>): Promise<unknown> => (await response).json();
const refusal = async (response: Response) => {
  const { error } = errorReplySchema.parse(await response.json());
  expect(JSON.stringify(error)).not.toMatch(/\n\s+at |node_modules/);
  return { status: response.status, code: error.code, message: error.message };
};
const create = async (body: object = { language: 'python' }): Promise<string> =>
  kernelSchema.parse(await json(send('POST', '/v1/kernels', body))).id;

describe('replies have the form of their schemas', () => {
  // @promise api-document
  it('for everything that is read', async () => {
    plantFigures(agent);
    const id = await create();
    statusReplySchema.parse(await json(send('GET', '/v1/status')));
    expect(kernelListSchema.parse(await json(send('GET', '/v1/kernels?all=true'))).kernels).toHaveLength(1);
    expect(kernelSchema.parse(await json(send('GET', `/v1/kernels/${id.slice(0, 9)}`))).id).toBe(id);
    statsReplySchema.parse(await json(send('GET', '/v1/stats')));
    nodeMetricsSchema.parse(await json(send('GET', '/v1/stats/node')));
    finalRecordsSchema.parse(await json(send('GET', '/v1/stats/ended')));
    kernelMetricsSchema.parse(await json(send('GET', `/v1/kernels/${id}/metrics`)));
    fileListSchema.parse(await json(send('GET', `/v1/kernels/${id}/files`)));
    imageListSchema.parse(await json(send('GET', '/v1/images')));
    imageSchema.parse(await json(send('GET', '/v1/images/inspect?reference=kernelet/python')));
    expect(await json(send('POST', `/v1/kernels/${id}/complete`, { code: 'impo', cursor: 4 }))).toEqual({
      matches: ['impoing'],
    });
  });

  // @promise api-document
  it('for everything that is changed', async () => {
    const id = await create({ language: 'python', publish: [8888] });
    expect(kernelSchema.parse(await json(send('POST', `/v1/kernels/${id}/restart`))).generation).toBe(2);
    expect(await json(send('POST', `/v1/kernels/${id}/interrupt`))).toEqual({ interrupted: false });
    const web = `/v1/kernels/${id}/services/jupyter`;
    expect(await json(send('POST', `${web}/start`, { arguments: { '--a': null } }))).toEqual({ status: 'started' });
    expect(await json(send('POST', `${web}/stop`))).toEqual({});
    imageSchema.parse(await json(send('POST', '/v1/images/build', { name: 'python' })));
    imageSchema.parse(await json(send('POST', '/v1/images/pull', { reference: 'a/b:1' })));
    expect(await json(send('DELETE', '/v1/images?reference=a/b:1&force=true'))).toEqual({});
    expect(kernelSchema.parse(await json(send('DELETE', `/v1/kernels/${id}?force=true`))).id).toBe(id);
    expect(agent.calls).toEqual([
      'start service jupyter {"arguments":{"--a":null},"envs":{}}',
      'stop service jupyter',
      'remove image a/b:1 force',
      `destroy ${id} force`,
    ]);
  });
});

describe('creation', () => {
  it('fills in what the request leaves out, and leaves to the agent what is configured', async () => {
    const response = await send('POST', '/v1/kernels', { language: 'python' });
    expect(response.status).toBe(201);
    expect(agent.creations).toEqual([
      {
        language: 'python',
        environ: {},
        mounts: [],
        publish: [],
        interpreter: 'eager',
      },
    ]);
  });

  it.each([
    [{ cpus: 0 }, 'body.cpus'],
    [{ cpus: '1' }, 'body.cpus'],
    [{ memoryBytes: -1 }, 'body.memoryBytes'],
    [{ memoryBytes: 1.5 }, 'body.memoryBytes'],
    [{ memoryByte: 1 }, /body: unknown key "memoryByte" \(did you mean "memoryBytes"\?\)/],
    [{ id: 'x' }, 'body.id'],
    [{ image: 'UPPER case' }, 'body.image'],
    [{ environ: { 'A=B': 'x' } }, 'body.environ'],
    [{ environ: { A: 'x\0' } }, 'body.environ.A'],
    [{ mounts: [{ source: 'relative', target: '/x' }] }, 'body.mounts.0.source'],
    [{ network: 'host' }, 'body.network'],
    [{ publish: [0] }, 'body.publish.0'],
    [{ publish: [80, 80] }, 'body.publish'],
    ['{', 'body: not JSON'],
    ['"\u00ff', 'body: not JSON'],
    [[], 'body'],
  ])('refuses %j and names the field', async (body, text) => {
    const refused = await refusal(await send('POST', '/v1/kernels', body));
    expect(refused).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
    expect(refused.message).toMatch(text);
    expect(agent.creations).toEqual([]);
  });

  it('repeats a refused value that is short, and never one of a variable', async () => {
    const messageFor = async (body: object): Promise<string> =>
      (await refusal(await send('POST', '/v1/kernels', body))).message;
    expect(await messageFor({ id: '../x' })).toBe('body.id: not a UUID: "../x"');
    expect(await messageFor({ id: 'x'.repeat(1_000) })).toBe('body.id: not a UUID');
    expect(await messageFor({ environ: { TOKEN: 'hush\0' } })).not.toContain('hush');
  });

  it('refuses other types, text that is not UTF-8 and bodies beyond the bound', async () => {
    expect(await refusal(await send('POST', '/v1/kernels', 'a=1', { 'content-type': 'text/plain' }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    const bytes = await app.request('/v1/kernels', { method: 'POST', body: new Uint8Array([0x22, 0xff, 0x22]) });
    expect((await refusal(bytes)).message).toBe('body: not UTF-8');
    const large = `{"language":"${'x'.repeat(5 * 1024 * 1024)}"}`;
    expect(await refusal(await send('POST', '/v1/kernels', large))).toMatchObject({ status: 413, code: 'TOO_LARGE' });
  });

  it('reports a duplicate id with the status of its code', async () => {
    const id = await create({ id: absent, language: 'python' });
    expect(await refusal(await send('POST', '/v1/kernels', { id }))).toMatchObject({
      status: 409,
      code: 'KERNEL_EXISTS',
    });
  });
});

describe('wrong requests', () => {
  it.each([
    ['GET', '/v1/kernels/{id}'],
    ['DELETE', '/v1/kernels/{id}'],
    ['POST', '/v1/kernels/{id}/restart'],
    ['POST', '/v1/kernels/{id}/interrupt'],
    ['POST', '/v1/kernels/{id}/services/web/stop'],
    ['GET', '/v1/kernels/{id}/files'],
    ['GET', '/v1/kernels/{id}/files/content?path=x'],
    ['PUT', '/v1/kernels/{id}/files?path=x'],
    ['DELETE', '/v1/kernels/{id}/files?path=x'],
    ['GET', '/v1/kernels/{id}/files/stat?path=x'],
    ['GET', '/v1/kernels/{id}/files/watch'],
    ['PUT', '/v1/kernels/{id}/files/archive'],
    ['GET', '/v1/kernels/{id}/logs'],
    ['GET', '/v1/kernels/{id}/runs/r/events'],
    ['GET', '/v1/kernels/{id}/runs'],
    ['GET', '/v1/kernels/{id}/contexts'],
    ['DELETE', '/v1/kernels/{id}/contexts/a'],
  ])('%s %s answers an unknown kernel and a malformed id', async (method, path) => {
    expect(await refusal(await send(method, path.replace('{id}', absent)))).toMatchObject({
      status: 404,
      code: 'KERNEL_NOT_FOUND',
    });
    expect(await refusal(await send(method, path.replace('{id}', '..zz')))).toMatchObject({
      status: 400,
      code: 'INVALID_ARGUMENT',
    });
  });

  it.each([
    ['POST', 'input', { text: 'x' }],
    ['POST', 'interrupt', undefined],
    ['POST', 'cancel', {}],
    ['POST', 'signal', { signal: 'SIGHUP' }],
    ['POST', 'resize', { columns: 80, rows: 24 }],
    ['POST', 'stdin?eof=true', undefined],
  ])('%s …/%s answers an unknown run', async (method, action, body) => {
    const id = await create();
    const response = await send(method, `/v1/kernels/${id}/runs/absent/${action}`, body);
    expect(await refusal(response)).toMatchObject({ status: 404, code: 'RUN_NOT_FOUND' });
  });

  it('names unknown and repeated query keys, unknown addresses, ambiguous ids', async () => {
    expect((await refusal(await send('GET', '/v1/kernels?al=true'))).message).toMatch(/"al" \(did you mean "all"/);
    expect((await refusal(await send('GET', '/v1/kernels?all=true&all=true'))).message).toMatch(/2 times/);
    expect((await refusal(await send('GET', '/v1/kernels?all=yes'))).message).toMatch(/query\.all/);
    expect(await refusal(await send('GET', '/v2/x'))).toMatchObject({ status: 404, code: 'NO_SUCH_ROUTE' });
    expect(await refusal(await send('PATCH', '/v1/kernels'))).toMatchObject({ status: 404, code: 'NO_SUCH_ROUTE' });
    await create({ image: 'debian', id: 'aaaaaaaa-0000-4000-8000-000000000001' });
    await create({ image: 'debian', id: 'aaaaaaaa-0000-4000-8000-000000000002' });
    expect(await refusal(await send('GET', '/v1/kernels/aaaa'))).toMatchObject({ status: 409, code: 'AMBIGUOUS_ID' });
    expect(await refusal(await send('GET', '/v1/images/inspect?reference=absent'))).toMatchObject({ status: 404 });
  });

  it('says of a defect that it is one, without a stack', async () => {
    agent.status = async () => {
      throw new TypeError('x is not a function');
    };
    expect(await refusal(await send('GET', '/v1/status'))).toMatchObject({ status: 500, code: 'INTERNAL' });
  });
});

describe('files', () => {
  it('are written and read as they are, with odd names', async () => {
    const id = await create();
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 13) % 256));
    const path = 'two\nlines -rf ü';
    const query = new URLSearchParams({ path, mode: '755' });
    const written = await app.request(`/v1/kernels/${id}/files?${query}`, {
      method: 'PUT',
      body: new Uint8Array(bytes),
    });
    expect(await written.json()).toEqual({ bytes: bytes.length });
    expect(agent.files.get(path)?.mode).toBe(0o755);
    const read = await send('GET', `/v1/kernels/${id}/files/content?${new URLSearchParams({ path })}`);
    expect(read.headers.get('x-kernelet-form')).toBe('file');
    expect(read.headers.get('x-kernelet-mode')).toBe('755');
    expect(read.headers.get('content-length')).toBe(String(bytes.length));
    expect(Buffer.from(await read.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it('refuse paths that lead out, odd modes, and what is too large before it is read', async () => {
    const id = await create();
    const put = (query: string, headers: Record<string, string> = {}) =>
      app.request(`/v1/kernels/${id}/files?${query}`, { method: 'PUT', body: 'x', headers });
    expect(await refusal(await put('path=../x'))).toMatchObject({ status: 403, code: 'FORBIDDEN_PATH' });
    expect(await refusal(await put('path='))).toMatchObject({ status: 400 });
    expect(await refusal(await put('path=a%00b'))).toMatchObject({ status: 400 });
    expect(await refusal(await put('path=x&mode=4755'))).toMatchObject({ status: 400 });
    expect(await refusal(await put('path=x', { 'content-length': String(2 ** 31) }))).toMatchObject({ status: 413 });
    expect(agent.files.size).toBe(0);
  });

  it('are looked at, moved, removed and watched, and archives come as they are', async () => {
    const id = await create();
    const at = (suffix: string): string => `/v1/kernels/${id}/files${suffix}`;
    agent.files.set('a', { bytes: Buffer.from('text'), mode: null });
    expect(await json(send('POST', at('/folder'), { path: 'd' }))).toEqual({ created: true });
    expect(await json(send('POST', at('/move'), { from: 'a', to: 'd/b' }))).toEqual({});
    const found = await json(send('GET', at('/stat?path=d/b&follow=true')));
    expect(fileFactsSchema.parse(found)).toMatchObject({ path: '/home/work/d/b', file: { type: 'file', size: 4 } });
    expect(await refusal(await send('DELETE', at('?path=d')))).toMatchObject({ status: 422, code: 'FILE_ERROR' });
    agent.files.set('a', { bytes: Buffer.from('other'), mode: null });
    const inTheWay = await refusal(await send('POST', at('/move'), { from: 'a', to: 'd/b' }));
    expect(inTheWay).toMatchObject({ status: 409, code: 'FILE_EXISTS' });
    expect(await json(send('DELETE', at('?path=d&recursive=true')))).toEqual({ removed: 1 });
    agent.changes = [{ type: 'created', path: 'x', file: 'pipe' }];
    const watched = await (await send('GET', at('/watch?path=d'))).text();
    const data = [...watched.matchAll(/^data: (.*)$/gm)].map(([, text = '']) =>
      fileChangeSchema.parse(JSON.parse(text)),
    );
    expect(data).toEqual([{ type: 'watching', path: 'd' }, ...[{ type: 'created', path: 'x', file: 'pipe' }]]);
    const sent = await app.request(at('/archive?path=d'), { method: 'PUT', body: 'tar' });
    expect(await sent.json()).toMatchObject({ bytes: 3 });
    expect(agent.unpacked.get('d')?.toString()).toBe('tar');
    const large = { method: 'PUT', body: 'x', headers: { 'content-length': String(2 ** 31) } };
    expect(await refusal(await app.request(at('/archive'), large))).toMatchObject({ status: 413 });
  });
});

describe('statistics', () => {
  it('are served to Prometheus as text', async () => {
    const reply = await send('GET', '/metrics');
    expect([reply.status, reply.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    expect(await reply.text()).toMatch(/^# TYPE kernelet_ready gauge\nkernelet_ready 1\n/m);
  });

  it('come again and again while somebody reads', async () => {
    plantFigures(agent);
    await create();
    const reply = await send('GET', '/v1/stats/follow?intervalMs=100');
    const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader();
    const events = [await reader?.read(), await reader?.read()].map((piece) => piece?.value ?? '');
    await reader?.cancel();
    for (const event of events) {
      expect(statsReplySchema.parse(JSON.parse(event.replace(/^data: /, ''))).stats).toHaveLength(1);
    }
  });

  it.each(['99', '3600001', 'x', '-100', '1e3'])('refuse an interval of %s', async (interval) => {
    const refused = await refusal(await send('GET', `/v1/stats/follow?intervalMs=${interval}`));
    expect(refused).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
    expect(refused.message).toContain('query.intervalMs');
  });
});
