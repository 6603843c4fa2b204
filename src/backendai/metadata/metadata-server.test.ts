import { once } from 'node:events';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { recordFixture, specFixture } from '../../../test/support/kernel-record.ts';
import { systemClock } from '../../lib/clock.ts';
import { asContainerId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import { Callers } from './callers.ts';
import { type MetadataServer, type MetadataServerParts, startMetadataServer } from './metadata-server.ts';
import { targetOf } from './metadata-service.ts';
import { findConnection, networkOf } from './network-sockets.ts';

const kernels = 50;
/** Of the kernel of a number, from 1: this host has all of 127.0.0.0/8. */
const addressOf = (number: number): string => `127.0.1.${number}`;
const stranger = '127.0.2.1';

let server: MetadataServer;
afterEach(() => server[Symbol.asyncDispose]());

/** A server of 50 kernels, whose networks are all this host's. */
async function start(
  change: Partial<Pick<MetadataServerParts, 'address' | 'clock' | 'requestMs'>> = {},
): Promise<{ readonly inspections: () => number; end(number: number): void }> {
  let inspections = 0;
  let records = Array.from({ length: kernels }, (_, index) =>
    recordFixture({
      containerId: asContainerId(String(index + 1)),
      spec: specFixture({ network: 'bridge', environ: [['NUMBER', String(index + 1)]] }),
    }),
  );
  const callers = new Callers({
    kernels: { list: () => records },
    engine: {
      inspectContainer: async (id) => {
        inspections += 1;
        return { pid: process.pid, networkAddress: addressOf(Number(id)) };
      },
    },
    clock: systemClock,
    sockets: {
      networkOf,
      // Nothing leads here, so it is the server itself that they have connected to.
      findConnection: (folder, network, connection) =>
        findConnection(folder, network, {
          ...connection,
          target: { address: '127.0.0.1', port: server.address.port },
        }),
    },
  });
  const address = { host: '127.0.0.1', port: 0 };
  server = await startMetadataServer({
    ...{ address, callers, node: { isJail: false }, clock: systemClock, log: silentLogger },
    requestMs: 60_000,
    ...change,
  });
  return {
    inspections: () => inspections,
    end: (number) => {
      records = records.filter(({ containerId }) => containerId !== String(number));
    },
  };
}

interface Reply {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

async function ask(
  localAddress: string,
  path: string,
  options: { agent?: HttpAgent; body?: string } = {},
): Promise<Reply> {
  const asking = httpRequest({
    ...{ host: '127.0.0.1', port: server.address.port, localAddress, path, agent: options.agent ?? false },
    ...(options.body === undefined ? {} : { headers: { 'content-length': String(options.body.length) } }),
  });
  asking.end(options.body);
  const [response] = await once(asking, 'response');
  response.setEncoding('latin1');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, headers: response.headers, body };
}

it('the address is the one to which a name leads, as rules know no names', async () => {
  await start({ address: { host: 'localhost', port: 0 } });
  expect(isIP(server.address.host)).toBeGreaterThan(0);
  expect(server.address.port).toBeGreaterThan(0);
});

it('each kernel is told of itself, and strangers nothing', async () => {
  const { end } = await start();
  expect(await ask(addressOf(7), '/latest/meta-data/envs')).toMatchObject({
    status: 200,
    headers: { 'content-type': 'application/json; charset=utf-8', server: 'BackendAI', 'content-length': '15' },
    body: '{"NUMBER": "7"}',
  });
  const refused = { status: 403, headers: { 'content-type': 'application/octet-stream' }, body: '' };
  expect(await ask(stranger, '/latest/meta-data/envs')).toMatchObject(refused);
  expect(await ask(stranger, '/')).toMatchObject(refused);
  const agent = new HttpAgent({ keepAlive: true });
  expect((await ask(addressOf(8), '/latest', { agent })).body).toBe('meta-data/');
  end(8);
  // On the connection on which it was answered before.
  expect(await ask(addressOf(8), '/latest/meta-data/envs', { agent })).toMatchObject(refused);
  agent.destroy();
});

// @promise metadata-quick
it('answers 1,000 requests of 50 kernels with a millisecond of a core for each at most, and asks the engine once for each kernel', {
  timeout: 120_000,
}, async () => {
  const { inspections } = await start();
  await ask(addressOf(1), '/latest/meta-data/envs');
  let cost = Number.POSITIVE_INFINITY;
  // The machine may have other work, which makes each of them slower.
  for (let round = 0; round < 5 && cost > 1; round += 1) {
    const before = process.cpuUsage();
    for (let request = 0; request < 1_000; request += 1) {
      const number = (request % kernels) + 1;
      const { body } = await ask(addressOf(number), '/latest/meta-data/envs');
      expect(body).toBe(`{"NUMBER": "${number}"}`);
    }
    const { user, system } = process.cpuUsage(before);
    // With what it costs to ask.
    cost = (user + system) / 1_000 / 1_000;
  }
  expect(cost).toBeLessThanOrEqual(1);
  expect(inspections()).toBe(kernels);
});

it('a kernel that asks without end is refused for a while, and no other with it', async () => {
  // Meanwhile no time passes in which it might ask again.
  await start({ clock: { ...systemClock, monotonic: () => 0 } });
  const agent = new HttpAgent({ keepAlive: true });
  const statuses = new Set<number | undefined>();
  for (let request = 0; request < 200; request += 1) statuses.add((await ask(addressOf(1), '/', { agent })).status);
  expect([...statuses]).toEqual([200]);
  const begun = performance.now();
  const refused = Promise.all(
    Array.from({ length: 12 }, async () => ({
      ...(await ask(addressOf(1), '/', { agent })),
      tookMs: performance.now() - begun,
    })),
  );
  expect((await ask(addressOf(2), '/')).status).toBe(200);
  expect(performance.now() - begun).toBeLessThan(900);
  // To be refused costs the daemon as much as to be answered, so that it comes late, and a next request takes a connection.
  for (const { status, headers, tookMs } of await refused) {
    expect([status, headers['connection']]).toEqual([429, 'close']);
    expect(tookMs).toBeGreaterThan(900);
  }
  agent.destroy();
});

it('what is sent along is not read, and a request that is too large or never ends is not waited for', async () => {
  await start({ requestMs: 1_000 });
  const body = 'x'.repeat(100_000);
  expect(await ask(addressOf(1), '/latest', { body })).toMatchObject({ status: 200, headers: { connection: 'close' } });
  expect((await ask(addressOf(1), `/${'x'.repeat(8_000)}`)).status).toBe(431);
  const slow = await connected(addressOf(1));
  slow.write('GET / HT');
  const begun = performance.now();
  slow.resume();
  await once(slow, 'close');
  expect(performance.now() - begun).toBeLessThan(10_000);
});

it('connections of one kernel have a bound, those of strangers another, and neither keeps others out', async () => {
  await start();
  await ask(addressOf(1), '/');
  const open: Socket[] = [];
  let closed = 0;
  for (let count = 0; count < 100; count += 1) {
    for (const address of [addressOf(1), stranger]) {
      const socket = await silent(address);
      socket.on('close', () => {
        closed += 1;
      });
      open.push(socket);
    }
  }
  await ask(addressOf(2), '/latest');
  expect((await ask(addressOf(2), '/latest')).status).toBe(200);
  expect(closed).toBe(200 - 16 - 16);
  for (const socket of open) socket.destroy();
});

it('one that is not known keeps no new kernel out, and many keep it out for a moment', async () => {
  await start();
  const open: Socket[] = [];
  // Also a new kernel, which nobody knows yet, as it asks for nothing.
  for (let count = 0; count < 64; count += 1) open.push(await silent(addressOf(1)));
  expect((await ask(addressOf(2), '/latest')).status).toBe(200);
  for (const socket of open) socket.destroy();
  await server[Symbol.asyncDispose]();

  await start();
  const all = Array.from({ length: 32 * 16 }, (_, count) => silent(`127.0.3.${1 + (count % 32)}`));
  const strangers = await Promise.all(all);
  await expect(ask(addressOf(2), '/latest')).rejects.toThrow();
  await vi.waitFor(async () => expect((await ask(addressOf(2), '/latest')).status).toBe(200), { timeout: 10_000 });
  await expect(ask(stranger, '/latest')).rejects.toThrow();
  for (const socket of strangers) socket.destroy();
});

/** Is connected, and asks for nothing. */
async function silent(address: string): Promise<Socket> {
  const socket = await connected(address);
  socket.on('error', () => {});
  return socket.resume();
}

async function connected(localAddress: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: server.address.port, localAddress });
  await once(socket, 'connect');
  return socket;
}

it('a rule leads to the network of each kernel where the server listens on all addresses, else to its address if kernels get there', () => {
  expect(targetOf({ host: '0.0.0.0', port: 1 })).toEqual({ host: null, port: 1 });
  expect(targetOf({ host: '::', port: 1 })).toEqual({ host: null, port: 1 });
  expect(targetOf({ host: '10.0.0.1', port: 2 })).toEqual({ host: '10.0.0.1', port: 2 });
  for (const host of ['127.0.1.1', '2001:db8::1']) expect(targetOf({ host, port: 2 })).toBeNull();
});
