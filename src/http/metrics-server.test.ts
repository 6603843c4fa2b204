import { createServer } from 'node:net';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { FakeAgent } from '../../test/support/fake-agent.ts';
import { silentLogger } from '../lib/log.ts';
import { type MetricsServer, startMetricsServer } from './metrics-server.ts';

const agent = await FakeAgent.start();
afterAll(() => agent[Symbol.asyncDispose]());
let server: MetricsServer | undefined;
afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
});
const any = { host: '127.0.0.1', port: 0 };
async function ask(path: string, init: RequestInit = {}, given?: Pick<FakeAgent, 'exposition'>) {
  server ??= await startMetricsServer(given ?? agent, any, silentLogger);
  return await fetch(`http://127.0.0.1:${server.address.port}${path}`, init);
}

describe('the server of metrics', () => {
  it('serves them, and nothing else', async () => {
    const reply = await ask('/metrics');
    expect([reply.status, reply.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    expect(await reply.text()).toContain('kernelet_ready 1\n');
    expect((await ask('/metrics?x=y')).status).toBe(200);
    expect((await ask('/v1/status')).status).toBe(404);
    expect((await ask('/metrics', { method: 'POST', body: 'x' })).status).toBe(405);
    expect(await (await ask('/metrics', { method: 'HEAD' })).text()).toBe('');
  });

  it('breaks off where the agent fails, so that nobody takes a part for the whole', async () => {
    const failing = {
      async *exposition(): AsyncGenerator<string> {
        yield 'kernelet_ready 1\n';
        throw new Error('broken');
      },
    };
    const reply = ask('/metrics', {}, failing).then((found) => found.text());
    await expect(reply).rejects.toThrow();
  });

  it('lets a client go, and ends while one is being served', async () => {
    const waiting = Promise.withResolvers<AbortSignal>();
    const endless = {
      async *exposition(signal: AbortSignal): AsyncGenerator<string> {
        yield 'x 1\n';
        waiting.resolve(signal);
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    } as Pick<FakeAgent, 'exposition'>;
    const reply = ask('/metrics', {}, endless).then((found) => found.text());
    reply.catch(() => {});
    const signal = await waiting.promise;
    await server?.[Symbol.asyncDispose]();
    server = undefined;
    await expect(reply).rejects.toThrow();
    expect(signal.aborted).toBe(true);
  });

  it('says which address cannot be had', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    await expect(startMetricsServer(agent, { host: '127.0.0.1', port }, silentLogger)).rejects.toThrow(
      new RegExp(`cannot serve metrics on 127.0.0.1:${port}: .*EADDRINUSE.*metrics\\.listen`),
    );
    taken.close();
  });
});
