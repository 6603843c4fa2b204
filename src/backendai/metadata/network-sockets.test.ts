import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { listen } from '../../lib/listen.ts';
import { findConnection, networkOf } from './network-sockets.ts';

const folder = '/proc/self';

it.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::', '::ffff:127.0.0.1'],
])('a connection is found in the network of the process that has begun it, to a server at %s', async (host, to) => {
  const server = createServer(() => {});
  await listen(server, { host, port: 0 });
  const bound = server.address();
  if (typeof bound !== 'object' || bound === null) throw new Error('it has no port');
  const client: Socket = connect({ host: to, port: bound.port });
  await once(client, 'connect');
  const network = networkOf(folder);
  if (network === null) throw new Error('this process has a network');
  expect(readlinkSync(`${folder}/ns/net`)).toBe(`net:[${network}]`);
  const target = { address: '127.0.0.1', port: bound.port };
  const own = { address: '127.0.0.1', port: client.localPort ?? 0, target };
  expect(findConnection(folder, network, own)).toBe('found');
  expect(findConnection(folder, network, { ...own, address: '127.0.0.2' })).toBe('absent');
  const elsewhere = { ...target, address: '169.254.169.254' };
  expect(findConnection(folder, network, { ...own, target: elsewhere })).toBe('absent');
  // A server of the process is no connection, whoever claims to have begun one at its address.
  expect(findConnection(folder, network, { ...target, target: elsewhere })).toBe('absent');
  expect(findConnection(folder, network + 1, own)).toBe('gone');
  expect(findConnection('/proc/0', network, own)).toBe('gone');
  expect(readlinkSync(`${folder}/ns/net`)).toBe(`net:[${network}]`);
  client.destroy();
  server.close();
});

it.each(['the one that has begun it', 'the other side'])(
  'a connection that %s has ended is found no more, though its socket is still there for a while',
  async (who) => {
    const server = createServer({ allowHalfOpen: true });
    await listen(server, { host: '127.0.0.1', port: 0 });
    const bound = server.address();
    if (typeof bound !== 'object' || bound === null) throw new Error('it has no port');
    const accepted = once(server, 'connection');
    const client = connect({ host: '127.0.0.1', port: bound.port, allowHalfOpen: true });
    const [[served]] = await Promise.all([accepted, once(client, 'connect')]);
    const own = {
      address: '127.0.0.1',
      port: client.localPort ?? 0,
      target: { address: '127.0.0.1', port: bound.port },
    };
    const find = (): string => findConnection(folder, networkOf(folder) ?? 0, own);
    expect(find()).toBe('found');
    const [first, second] = who === 'the other side' ? [served, client] : [client, served];
    second.resume();
    first.end();
    await once(second, 'end');
    // It has been told, and holds its own end open.
    expect(find()).toBe('absent');
    first.resume();
    second.end();
    await once(first, 'end');
    // Linux keeps the socket of who has ended it first for a minute.
    await setTimeout(50);
    expect(find()).toBe('absent');
    server.close();
  },
);
