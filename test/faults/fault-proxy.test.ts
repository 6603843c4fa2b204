/** The fault proxy itself, in front of a plain server: each fault does what it says, and nothing else is touched. */
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultProxy } from '../support/fault-proxy.ts';

let folder: string;
let server: http.Server;
let proxy: FaultProxy;
/** What the server has done, in order. */
let done: string[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'fault-proxy-'));
  done = [];
  server = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    done.push(`${request.method} ${request.url} ${body}`);
    response.setHeader('X-Server', 'plain');
    if (request.url?.endsWith('/stream')) {
      response.write('first\n');
      await sleep(50);
      response.write('second\n');
      await sleep(50);
    }
    response.end('end\n');
  });
  await new Promise<void>((resolve) => server.listen(path.join(folder, 'server.sock'), resolve));
  proxy = await FaultProxy.start(path.join(folder, 'server.sock'), path.join(folder, 'proxy.sock'));
});

afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

interface Reply {
  readonly status: number;
  readonly server: string | undefined;
  readonly text: string;
  /** Whether the reply ended as it should. */
  readonly whole: boolean;
}

/** Sends a request; rejects when no head of a reply comes. */
function call(method: string, url: string, body = '', timeoutMs = 5_000): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const options = { socketPath: proxy.socketPath, agent: false, method, path: url, signal } as const;
    const request = http.request(options, (response) => {
      let text = '';
      const reply = (whole: boolean): Reply => {
        const header = response.headers['x-server'];
        return { status: response.statusCode ?? 0, server: header ? String(header) : undefined, text, whole };
      };
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(reply(true)));
      response.on('error', () => resolve(reply(false)));
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('the fault proxy', () => {
  it('passes everything through when nothing is planted', async () => {
    expect(await call('POST', '/v1.41/a?b=c', 'body')).toEqual({
      status: 200,
      server: 'plain',
      text: 'end\n',
      whole: true,
    });
    expect((await call('GET', '/v1.41/stream')).text).toBe('first\nsecond\nend\n');
    expect(done).toEqual(['POST /v1.41/a?b=c body', 'GET /v1.41/stream ']);
  });

  it('refuses with a status, as often as asked, only what matches, and forwards nothing', async () => {
    const planted = proxy.plant({ method: 'POST', path: /^\/a$/, fault: { kind: 'error', status: 500 }, times: 1 });
    expect(await call('GET', '/v1.41/a')).toMatchObject({ status: 200 });
    expect(await call('POST', '/v1.41/b')).toMatchObject({ status: 200 });
    expect(await call('POST', '/v1.41/a?x')).toMatchObject({ status: 500, text: '{"message":"planted failure"}' });
    expect(await call('POST', '/v1.41/a')).toMatchObject({ status: 200 });
    expect(planted.hits).toBe(1);
    expect(done).toEqual(['GET /v1.41/a ', 'POST /v1.41/b ', 'POST /v1.41/a ']);
  });

  it('hangs without forwarding', async () => {
    proxy.plant({ path: /a/, fault: { kind: 'hang' } });
    await expect(call('POST', '/a', '', 300)).rejects.toThrow();
    expect(done).toEqual([]);
  });

  it('is late', async () => {
    proxy.plant({ path: /a/, fault: { kind: 'delay', delayMs: 300 } });
    const begun = performance.now();
    expect(await call('POST', '/a', 'body')).toMatchObject({ status: 200, whole: true });
    expect(performance.now() - begun).toBeGreaterThan(280);
    expect(done).toEqual(['POST /a body']);
  });

  it('loses the reply after the call was done', async () => {
    const planted = proxy.plant({ path: /stream/, fault: { kind: 'lose-reply' }, times: 1 });
    await expect(call('POST', '/stream', 'body')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(done).toEqual(['POST /stream body']);
    expect(planted.hits).toBe(1);
  });

  it('cuts a stream after so many bytes', async () => {
    proxy.plant({ path: /stream/, fault: { kind: 'truncate', bytes: 9 } });
    expect(await call('GET', '/stream')).toMatchObject({ status: 200, text: 'first\nsec', whole: false });
  });

  it('forgets a rule that was taken out, and lets the newest of two win', async () => {
    proxy.plant({ path: /a/, fault: { kind: 'error', status: 501 } });
    const newer = proxy.plant({ path: /a/, fault: { kind: 'error', status: 502 } });
    expect((await call('GET', '/a')).status).toBe(502);
    newer[Symbol.dispose]();
    expect((await call('GET', '/a')).status).toBe(501);
  });

  it('cuts what is under way, and serves again', async () => {
    proxy.plant({ path: /a/, fault: { kind: 'hang' }, times: 1 });
    const hanging = call('GET', '/a');
    const caught = expect(hanging).rejects.toMatchObject({ code: 'ECONNRESET' });
    await sleep(100);
    proxy.cutConnections();
    await caught;
    expect((await call('GET', '/a')).status).toBe(200);
  });
});
