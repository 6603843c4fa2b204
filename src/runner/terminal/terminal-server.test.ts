import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { terminalServer } from './terminal-server.ts';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** What a page of this origin sees that asks for a shell: output, or the status with which it is refused. */
async function visit(isLocal: boolean, origin: string | null, host: string, withToken = false): Promise<string> {
  const environ = { PATH: '/usr/bin:/bin' };
  const server = terminalServer(
    { argv: ['/bin/sh', '-c', 'echo in'], launcher: '/bin/sh', environ, folder: '/', title: '', isLocal },
    '/',
  );
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { token } = (await (await fetch(`http://127.0.0.1:${port}/token`)).json()) as { token: string };
  const headers = { host, ...(origin === null ? {} : { origin }) };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, 'tty', { headers });
  socket.on('open', () => socket.send(Buffer.from(JSON.stringify({ AuthToken: withToken ? token : '' }))));
  let shown = '';
  socket.on('message', (data: Buffer) => {
    if (data[0] === 0x30) shown += data.subarray(1).toString();
  });
  const [status] = (await once(socket, 'close')) as [number];
  return status === 1000 ? shown.trim() : String(status);
}

it.each([
  ['its own page', 'http://kernel.example:7681', 'kernel.example:7681', 'in'],
  ['a program', null, 'kernel.example:7681', 'in'],
  ['the page of another site', 'http://evil.example', '10.0.0.1:7681', '1008'],
])('serves people who come over the network: %s', async (_, origin, host, seen) => {
  expect(await visit(false, origin, host)).toBe(seen);
});

it.each([
  ['127.0.0.1:7681', 'in'],
  ['[::1]:7681', 'in'],
  ['localhost:7681', 'in'],
  ['web.localhost', 'in'],
  ['evil.example:7681', '1008'],
  ['localhost.evil.example', '1008'],
  ['127.0.0.1.evil.example', '1008'],
])('has no other names on this machine than its own, as %s', async (host, seen) => {
  expect(await visit(true, `http://${host}`, host)).toBe(seen);
  expect(await visit(true, `http://${host}`, host, true)).toBe(seen);
  expect(await visit(true, null, host)).toBe('in');
});

it.each([
  [true, true],
  [false, false],
])('is shown in the page of another site only where a gate may be in between (local: %s)', async (isLocal, isKept) => {
  const program = { argv: ['/bin/sh'], launcher: '/bin/sh', environ: {}, folder: '/', title: '' };
  const server = terminalServer({ ...program, isLocal }, '/');
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { headers } = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/token`);
  expect(headers.get('content-security-policy')?.includes("frame-ancestors 'self'")).toBe(isKept);
});

it('is reached on this machine by a gate that shows the token', async () => {
  expect(await visit(true, 'http://gate.example', '127.0.0.1:7681', true)).toBe('in');
  expect(await visit(true, 'http://gate.example', '127.0.0.1:7681')).toBe('1008');
});
