import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { answersWith } from './model-server.ts';

const timeoutMs = 2000;
const asked: string[] = [];
let server: Server;
let port: number;
beforeEach(async () => {
  asked.length = 0;
  server = createServer(({ url = '' }, response) => {
    asked.push(url);
    const [, there] = /^\/to\/(.*)$/.exec(url) ?? [];
    if (there !== undefined) response.writeHead(302, { Location: decodeURIComponent(there) });
    else response.writeHead(url === '/ok?a=b' || url.startsWith('//') ? 200 : 503);
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

it('a health check asks for the path and compares the status', async () => {
  expect(await answersWith(port, '/ok?a=b', 200, timeoutMs)).toBe(true);
  expect(await answersWith(port, 'ok?a=b', 200, timeoutMs)).toBe(true);
  expect(await answersWith(port, '/bad', 200, timeoutMs)).toBe(false);
  expect(await answersWith(port, '/bad', 503, timeoutMs)).toBe(true);
});

it('a health check follows redirections to the server itself, and only a few', async () => {
  expect(await answersWith(port, `/to/${encodeURIComponent('/ok?a=b')}`, 200, timeoutMs)).toBe(true);
  expect(await answersWith(port, `/to/${encodeURIComponent('http://127.0.0.1:1/ok?a=b')}`, 200, timeoutMs)).toBe(false);
  asked.length = 0;
  const round = '/to/.';
  expect(await answersWith(port, round, 200, timeoutMs)).toBe(false);
  expect(asked.length).toBeLessThan(5);
});

it('a health check asks no other host, whatever the path or a redirection looks like', async () => {
  expect(await answersWith(port, '//127.0.0.2:1/x', 200, timeoutMs)).toBe(true);
  expect(
    await answersWith(port, `/to/${encodeURIComponent(`http://127.0.0.1:${port}//127.0.0.2:1/y`)}`, 200, timeoutMs),
  ).toBe(true);
  expect(asked.filter((url) => url.startsWith('//'))).toEqual(['//127.0.0.2:1/x', '//127.0.0.2:1/y']);
});
