import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as secureRequest } from 'node:https';
import { connect } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeCertificates } from '../../../test/support/cluster/certificates.ts';
import { ownFolder } from '../../../test/support/cluster/server-process.ts';
import { fuzzRuns } from '../../../test/support/depth.ts';
import { encodeRequest } from '../../../test/support/hostile-requests.ts';
import { systemClock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { silentLogger } from '../../lib/log.ts';
import { Access } from './access.ts';
import { done, type Route } from './route.ts';
import { NoServiceManager } from './systemctl.ts';
import { WatcherFigures } from './watcher-figures.ts';
import { startWatcherServer, type WatcherServer, type WatcherServerParts } from './watcher-server.ts';

let server: WatcherServer | null;
let asked: unknown[];
let fails: Error | null;
beforeEach(() => {
  [server, asked, fails] = [null, [], null];
});
afterEach(() => server?.[Symbol.asyncDispose]());

const route = (method: Route['method'], path: string, more: Partial<Route> = {}): Route => ({
  ...{ method, path, isAct: method !== 'GET', isJson: true },
  handle: async ({ query, body }) => {
    asked.push({ path, query: Object.fromEntries(query), body });
    if (fails) throw fails;
    return done;
  },
  ...more,
});
const routes = [
  route('GET', '/'),
  route('POST', '/agent/start'),
  route('GET', '/fstab', { isJson: false }),
  route('POST', '/mounts', { isJson: false }),
  route('DELETE', '/mounts', { isJson: false }),
];

/** Never refuses an address, so that a test may be refused as often as it likes. */
class Patient extends Access {
  override check(_: string, shown: string | undefined, token: string) {
    return super.check(String(Math.random()), shown, token);
  }
}

async function start(more: Partial<WatcherServerParts> = {}): Promise<WatcherServer> {
  const figures = new WatcherFigures();
  server = await startWatcherServer({
    ...{ address: { host: '127.0.0.1', port: 0 }, tls: null, keys: () => ({ token: 'sesame', isInsecure: false }) },
    ...{ allowsInsecureToken: true, access: new Patient(systemClock), figures, clock: systemClock, log: silentLogger },
    routes: [...routes, figures.route({ agent: () => Promise.reject(new Error('away')), hung: () => [] })],
    ...more,
  });
  return server;
}
const token = { 'x-backendai-watcher-token': 'sesame' };
const call = async (path: string, init: RequestInit = {}): Promise<Response> =>
  await fetch(`http://127.0.0.1:${(server ?? (await start())).address.port}${path}`, { headers: token, ...init });

it('answers whoever has the token, in the name of upstream’s, as JSON', async () => {
  const reply = await call('/');
  expect([reply.status, reply.headers.get('server'), reply.headers.get('content-type')]).toEqual([
    ...[200, 'BackendAI-AgentWatcher', 'application/json; charset=utf-8'],
  ]);
  expect(await reply.json()).toEqual({ result: 'ok' });
  expect((await call('/mounts', { method: 'DELETE', body: '{"name":"v1"}' })).status).toBe(200);
  expect((await call('/fstab?fstab_path=%2Fetc%2Ffstab&agent_id=i%3F1')).status).toBe(200);
  expect(asked.slice(1)).toEqual([
    { path: '/mounts', query: {}, body: { name: 'v1' } },
    { path: '/fstab', query: { fstab_path: '/etc/fstab', agent_id: 'i?1' }, body: undefined },
  ]);
});

// @promise watcher-token
it.each<Record<string, string>>([{}, { 'x-backendai-watcher-token': 'sesam' }, { 'x-backendai-watcher-token': '' }])(
  'whoever shows %j learns nothing, not even what there is',
  async (headers) => {
    for (const [method, path] of [
      ...[
        ['GET', '/'],
        ['POST', '/agent/start'],
        ['GET', '/nowhere'],
        ['PUT', '/'],
        ['GET', '/metrics'],
      ],
    ] as const) {
      const reply = await call(path, { method, headers });
      expect([reply.status, await reply.text()]).toEqual([403, '403: Forbidden']);
    }
    expect(asked).toEqual([]);
  },
);

it('says what there is not, and what cannot be done to it', async () => {
  const texts = async (path: string, method: string) => await (await call(path, { method })).text();
  expect([await texts('/nowhere', 'GET'), await texts('/', 'POST'), await texts('/mounts', 'PUT')]).toEqual([
    ...['404: Not Found', '405: Method Not Allowed', '405: Method Not Allowed'],
  ]);
});

it('tells the truth of what failed, in the form that the caller reads', async () => {
  fails = new KerneletError('SERVICE_FAILED', 'systemctl start a.service: no');
  const started = await call('/agent/start', { method: 'POST' });
  expect([started.status, await started.json()]).toEqual([500, { result: 'error', message: fails.message }]);
  fails = new KerneletError('FORBIDDEN_MOUNT', 'nothing is mounted');
  const mounted = await call('/mounts', { method: 'POST', body: '{}' });
  expect([mounted.status, await mounted.text()]).toEqual([403, 'nothing is mounted']);
  fails = new NoServiceManager('spawn systemctl ENOENT');
  const status = await call('/');
  expect([status.status, await status.json()]).toEqual([200, { message: 'Agent is not loaded with systemctl.' }]);
});

it('reads no body that is too long or no JSON', async () => {
  const post = async (body: string) => await call('/mounts', { method: 'POST', body });
  expect((await post('x'.repeat(65_536))).status).toBe(400);
  expect((await post(`"${'x'.repeat(65_536)}"`)).status).toBe(413);
  expect((await post('{"name":')).status).toBe(400);
  expect(asked).toEqual([]);
});

it('an address that has been refused too often is not listened to', async () => {
  const told: unknown[] = [];
  const log = { ...silentLogger, warn: (_: string, fields: unknown) => void told.push(fields) };
  await start({ access: new Access(systemClock), log });
  const statuses: number[] = [];
  for (let times = 0; times < 12; times += 1) statuses.push((await call('/', { headers: {} })).status);
  expect(statuses.slice(0, 10)).toEqual(Array(10).fill(403));
  expect(statuses).toContain(429);
  expect(told).toHaveLength(statuses.filter((status) => status === 403).length);
});

it('while everybody knows the token, it may be told to say how the agent is and nothing else', async () => {
  await start({ allowsInsecureToken: false, keys: () => ({ token: 'sesame', isInsecure: true }) });
  expect((await call('/')).status).toBe(200);
  for (const [path, method] of [
    ['/agent/start', 'POST'],
    ['/fstab', 'GET'],
  ] as const) {
    const reply = await call(path, { method });
    expect([reply.status, await reply.text()]).toEqual([403, expect.stringContaining('config/watcher/token')]);
  }
});

it('counts what it was asked for by route, whatever the address says', async () => {
  await call('/');
  await call('/nowhere/1');
  await call('/nowhere/2');
  const reply = await (await call('/metrics')).text();
  expect(reply).toContain('kernelet_watcher_requests_total{route="GET /",status="200"} 1\n');
  expect(reply).toContain('kernelet_watcher_requests_total{route="other",status="404"} 2\n');
  // Nobody knows how the agent is.
  expect(reply).not.toContain('kernelet_watcher_agent_up');
});

it('speaks TLS with its certificate, and refuses one that is none', async () => {
  await using folder = await ownFolder('watcher-tls');
  const files = makeCertificates(folder.path);
  const read = (file: string): string => readFileSync(file, 'utf8');
  const tls = { certificate: read(files.certificate), key: read(files.key) };
  await expect(start({ tls: { ...tls, key: 'none' } })).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  const { address } = await start({ tls });
  const body = await new Promise<string>((resolve, reject) => {
    secureRequest({ ...address, headers: token, ca: read(files.authority) }, (reply) => resolve(text(reply)))
      .once('error', reject)
      .end();
  });
  expect(JSON.parse(body)).toEqual({ result: 'ok' });
});

it('lets nobody hold a connection without asking for something', async () => {
  await using folder = await ownFolder('watcher-tls');
  const files = makeCertificates(folder.path);
  const read = (file: string): string => readFileSync(file, 'utf8');
  for (const tls of [null, { certificate: read(files.certificate), key: read(files.key) }]) {
    await server?.[Symbol.asyncDispose]();
    const { address } = await start({ tls, requestMs: 300 });
    for (const begin of ['', 'GET / HT', 'POST /mounts HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{']) {
      const socket = connect(address.port, address.host);
      socket.on('error', () => {});
      socket.write(begin);
      const begun = performance.now();
      await once(socket.resume(), 'close');
      // Node's own are 30 s for what is asked, and 120 s for what TLS agrees on.
      expect(performance.now() - begun).toBeLessThan(20_000);
    }
  }
}, 120_000);

it('says which address it cannot have', async () => {
  const { address } = await start();
  const again = startWatcherServer({
    ...{ address, tls: null, keys: () => ({ token: 'x', isInsecure: false }), allowsInsecureToken: true },
    ...{ access: new Access(systemClock), routes: [], figures: new WatcherFigures(), clock: systemClock },
    log: silentLogger,
  });
  await expect(again).rejects.toMatchObject({
    code: 'STATE_UNUSABLE',
    message: expect.stringContaining(`127.0.0.1:${address.port}`),
  });
});

// @promise watcher-token
it('answers whatever is sent to it, and does nothing without the token', async () => {
  const { address } = await start();
  const odd = fc.string({ unit: 'binary-ascii', maxLength: 30 }).map((part) => part.replaceAll(/[\r\n\0 ]/g, ''));
  const target = fc.oneof(
    fc.constantFrom('/', '/mounts', '/fstab', '/agent/start', '//', '/../etc', '*', 'http://x/', '/%zz', '/mounts?a=%'),
    odd.map((part) => `/${part}`),
  );
  const request = fc.record({
    method: fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'HEAD', 'OPTIONS', 'TRACE', 'PATCH'),
    target,
    hasToken: fc.boolean(),
    headers: fc.array(
      fc.constantFrom<readonly [string, string]>(
        ...([
          ['X-BackendAI-Watcher-Token', ''],
          ['X-BackendAI-Watcher-Token', '\u00ff'],
          ['Content-Type', 'text/plain'],
          ['Expect', '100-continue'],
          ['X-Long', 'x'.repeat(9_000)],
        ] as const),
      ),
      { maxLength: 2 },
    ),
    body: fc.option(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.json().map((json) => Buffer.from(json)),
      ),
    ),
    framing: fc.constantFrom('length' as const, 'chunked' as const, 'cut' as const, 'broken' as const),
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ method, hasToken, headers, ...sent }) => {
      asked = [];
      const shown = hasToken ? [...headers, ['X-BackendAI-Watcher-Token', 'sesame'] as const] : headers;
      const socket = connect(address.port, address.host);
      socket.on('error', () => {});
      socket.end(encodeRequest(method, { ...sent, headers: shown }));
      const reply = (await buffer(socket).catch(() => Buffer.alloc(0))).toString('latin1');
      // What is no HTTP, and what ends before its body does, may be left without an answer.
      if (reply !== '') expect(reply).toMatch(/^HTTP\/1\.1 (100|200|400|403|404|405|413|417|431) /);
      else expect(['cut', 'broken', 'chunked']).toContain(sent.framing);
      if (!hasToken) expect([asked, reply.includes('200 OK')]).toEqual([[], false]);
    }),
    { numRuns: fuzzRuns(300) },
  );
  expect((await call('/')).status).toBe(200);
});
