import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CallosumClient, type ClientKeys } from '../../../test/support/callosum-client.ts';
import { rpcServices } from '../../../test/support/rpc-services.ts';
import { KerneletError } from '../../lib/errors.ts';
import { silentLogger } from '../../lib/log.ts';
import { type CurveKeys, loadCurveKeys, makeCurveKeys } from '../transport/curve-keys.ts';
import { MessageRouter } from '../transport/message-router.ts';
import { loadZeromq } from '../transport/zeromq.ts';
import { encodeHeader } from '../wire/callosum.ts';
import { encodeMsgpack } from '../wire/msgpack/encode.ts';
import { anything, kernelId } from './fields.ts';
import { methods } from './methods/index.ts';
import type { CallLimits } from './open-calls.ts';
import { define, method, type RpcMethod } from './rpc-method.ts';
import { maxMessageBytes, RpcServer } from './rpc-server.ts';

const services = rpcServices();
const cleanups = new Set<() => Promise<void> | void>();
afterEach(async () => {
  for (const clean of [...cleanups].reverse()) await clean();
  cleanups.clear();
});

interface Running {
  readonly endpoint: string;
  readonly server: RpcServer;
  client(keys?: ClientKeys, orderKey?: string | Uint8Array): CallosumClient;
}

async function serve(
  more: readonly RpcMethod[] = [],
  options: { curve?: CurveKeys; limits?: CallLimits } = {},
): Promise<Running> {
  const socket = await MessageRouter.bind({
    address: { host: '127.0.0.1', port: 0 },
    curve: options.curve ?? null,
    maxMessageBytes,
    log: silentLogger,
  });
  const { limits } = options;
  const server = new RpcServer({
    socket,
    methods: [...methods, ...more],
    services,
    log: silentLogger,
    ...(limits ? { limits } : {}),
  });
  const done = server.run();
  cleanups.add(async () => {
    await socket[Symbol.asyncDispose]();
    await done;
  });
  const { endpoint } = socket;
  return {
    endpoint,
    server,
    client(keys, orderKey) {
      const client = CallosumClient.connect(endpoint, keys, orderKey);
      cleanups.add(() => client[Symbol.dispose]());
      return client;
    },
  };
}

/** A method that ends when the test says so, and keeps the order in which its calls began. */
function gate(waitsOnly = false) {
  const began: unknown[] = [];
  const gates = new Map<unknown, (value: unknown) => void>();
  const signals: AbortSignal[] = [];
  const gated = method({
    signature: define('gate', { name: z.string() }, anything),
    waitsOnly,
    handle: ({ name }, { signal }) => {
      began.push(name);
      signals.push(signal);
      return new Promise<string>((resolve, reject) => {
        gates.set(name, () => resolve(name));
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    },
  });
  return { gated, began, signals, open: (name: string) => gates.get(name)?.(name) };
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(condition()).toBe(true);
}

describe('RpcServer', () => {
  it('answers the handshake and calls, with order keys of either type', async () => {
    const { client } = await serve();
    for (const orderKey of ['', 'key', new Uint8Array(0), Uint8Array.of(1)]) {
      const peer = client(undefined, orderKey);
      expect(await peer.ping()).toBe(true);
      expect(await peer.call('ping', ['pong'])).toEqual({ type: 'result', value: 'pong', failure: null });
    }
  });

  it('starts calls in order, runs them side by side, and answers as they end', async () => {
    const { gated, began, open } = gate();
    const { client } = await serve([gated]);
    const peer = client();
    const replies = ['a', 'b', 'c'].map((name) => peer.call('gate', [name]));
    await until(() => began.length === 3);
    expect(began).toEqual(['a', 'b', 'c']);
    open('c');
    expect((await replies[2])?.value).toBe('c');
    expect((await peer.call('ping', [1])).value).toBe(1);
    open('a');
    open('b');
    expect((await Promise.all(replies)).map(({ value }) => value)).toEqual(['a', 'b', 'c']);
  });

  it('ends a cancelled wait, and lets what changes something go on', async () => {
    const waiting = gate(true);
    const first = await serve([waiting.gated]);
    const peer = first.client();
    const call = peer.begin('gate', ['a']);
    await until(() => waiting.signals.length === 1);
    await peer.cancel({ ...call.identity, orderKey: new Uint8Array(0) });
    expect((await peer.call('ping', [1])).value).toBe(1);
    expect(waiting.signals[0]?.aborted).toBe(false);
    await peer.cancel(call.identity);
    expect((await call.reply).type).toBe('cancelled');
    expect(waiting.signals[0]?.aborted).toBe(true);
    await until(() => first.server.openCalls === 0);

    const changing = gate();
    const second = await serve([changing.gated]);
    const other = second.client();
    const kept = other.begin('gate', ['b']);
    await until(() => changing.began.length === 1);
    await other.cancel(kept.identity);
    expect((await other.call('ping', [1])).value).toBe(1);
    changing.open('b');
    expect((await kept.reply).value).toBe('b');
  });

  it('says precisely what is wrong with a call', async () => {
    const failing = method({
      signature: define('failing', { kernel_id: kernelId }, anything),
      failures: { KERNEL_DIED: 'FileNotFoundError' },
      handle: ({ kernel_id }) => {
        if (kernel_id.startsWith('a')) throw new KerneletError('KERNEL_DIED', "it's gone");
        throw new KerneletError('KERNEL_NOT_FOUND', 'no kernel', { context: { kernel: kernel_id } });
      },
    });
    const broken = method({
      signature: define('broken', {}, anything),
      handle: () => new Date(0) as unknown as string,
    });
    const { client } = await serve([failing, broken]);
    const peer = client();
    const failure = async (name: string, args: readonly (string | number)[] = [], kwargs = {}): Promise<string> =>
      (await peer.call(name, args, kwargs)).failure?.[1] ?? 'none';
    const id = '00112233-4455-6677-8899-aabbccddeeff';
    expect(await failure('nosuch')).toBe("NotImplementedError('the method nosuch is not served')");
    expect(await failure('toString')).toContain('NotImplementedError');
    expect(await failure('ping')).toBe('TypeError("ping() missing 1 required positional argument: \'msg\'")');
    expect(await failure('ping', [1, 2, 3])).toBe("TypeError('ping() takes 1 positional argument but 3 were given')");
    expect(await failure('ping', [1], { x: 1 })).toBe('TypeError("ping() got an unexpected keyword argument \'x\'")');
    expect(await failure('ping', [1], { msg: 1 })).toBe('TypeError("ping() got multiple values for argument \'msg\'")');
    expect(await failure('shutdown_agent', ['yes'])).toMatch(
      /^TypeError\('shutdown_agent\(\) argument terminate_kernels: /,
    );
    expect(await failure('failing', ['x'])).toMatch(/^ValueError\('failing\(\) argument kernel_id: badly formed/);
    expect(await failure('failing', [id.toUpperCase()])).toBe(`KeyError(UUID('${id}'))`);
    expect(await failure('failing', [`a${id.slice(1)}`])).toBe('FileNotFoundError("it\'s gone")');
    expect(services.published).toEqual([]);
    expect(await failure('broken')).toContain('Date');
    // What is a defect goes into the cluster's log of errors.
    expect(services.published).toEqual([expect.stringMatching(/^error \w+: .*Date/)]);
    expect(await failure('ping', ['x'], { agent_id: 'i-other' })).toBe("AgentIdNotFoundError('this agent is i-test')");
    expect((await peer.call('ping', ['x'], { agent_id: 'i-test' })).value).toBe('x');
    expect((await peer.call('ping', ['x'], { agent_id: null })).value).toBe('x');
    expect((await peer.call('get_local_config', ['i-test'])).value).toEqual({
      agent: { 'abuse-report-path': '' },
      watcher: {},
    });
  });

  it('answers a body that is far too large, and goes on', async () => {
    const { client } = await serve();
    const [peer, other] = [client(), client()];
    const reply = await peer.call('ping', [Buffer.alloc(40 * 1024 * 1024)]);
    expect(reply.failure?.[1]).toMatch(/^ValueError\('the request cannot be read: a message of \d+ bytes is too long/);
    expect((await peer.call('ping', [Buffer.alloc(10 * 1024 * 1024, 7)])).value).toHaveLength(10 * 1024 * 1024);
    expect(await other.ping(500)).toBe(true);
  });

  // @promise wrong-calls
  it('drops what has no readable header and answers what has one, whatever follows', async () => {
    const { client } = await serve();
    const peer = client();
    const header = encodeHeader('function', { method: 'ping', orderKey: '', sequence: 1000 });
    const upper = Buffer.from('UPPER');
    for (const frames of [[upper], [upper, Buffer.from('x')], [upper, Buffer.from([0xc1]), Buffer.alloc(0)]]) {
      await peer.sendRaw(frames);
    }
    await peer.sendRaw([
      upper,
      encodeMsgpack({ type: 99, meth: 'ping', okey: '', seq: 1, zip: false }),
      Buffer.alloc(0),
    ]);
    const reply = peer.expect(1000);
    await peer.sendRaw([upper, header, Buffer.from([0xc1])]);
    expect((await reply).failure?.[0]).toBe('ValueError');
    expect((await peer.call('ping', [1])).value).toBe(1);
  });

  // @promise wrong-calls
  it('refuses calls above the bound, per peer, and others go on', async () => {
    const { gated, began, open } = gate();
    const { client } = await serve([gated], { limits: { peerCalls: 3, calls: 100, bytes: 1e6 } });
    const [peer, other] = [client(), client()];
    const replies = ['a', 'b', 'c', 'd'].map((name) => peer.call('gate', [name]));
    expect((await replies[3])?.failure?.[1]).toContain('too many calls are under way');
    expect((await other.call('ping', [1])).value).toBe(1);
    expect(await peer.ping()).toBe(true);
    for (const name of began as string[]) open(name);
    await Promise.all(replies);
    expect((await peer.call('ping', [2])).value).toBe(2);
  });

  it('answers what is under way when it stops, and refuses what is new', async () => {
    const { gated, began } = gate();
    const { client, server } = await serve([gated]);
    const peer = client();
    const reply = peer.call('gate', ['a']);
    await until(() => began.length === 1);
    await server.stop(30);
    expect((await reply).failure?.[1]).toBe("RuntimeError('the agent is shutting down')");
    expect((await peer.call('ping', [1])).failure?.[1]).toBe("RuntimeError('the agent is shutting down')");
    expect(await peer.ping()).toBe(true);
  });

  it('survives a peer that leaves with calls under way', async () => {
    const { gated, began, open } = gate();
    const { client, server } = await serve([gated]);
    const peer = client();
    void peer.call('gate', ['a']);
    await until(() => began.length === 1);
    peer[Symbol.dispose]();
    open('a');
    await until(() => server.openCalls === 0);
    expect((await client().call('ping', [1])).value).toBe(1);
  });

  it('serves a new connection for each call', async () => {
    const { endpoint } = await serve();
    for (let index = 0; index < 100; index += 1) {
      using peer = CallosumClient.connect(endpoint);
      expect(await peer.ping()).toBe(true);
      expect((await peer.call('ping', [index])).value).toBe(index);
    }
  });
});

describe('CURVE', () => {
  async function keys() {
    const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-curve-'));
    cleanups.add(() => rm(folder, { recursive: true, force: true }));
    const agent = await makeCurveKeys(folder, 'agent');
    const manager = await makeCurveKeys(folder, 'manager');
    const files = { agentKeypairFile: agent.secretFile, managerPublicKeyFiles: [manager.publicFile] };
    const curve = await loadCurveKeys(files, silentLogger);
    const own = await loadCurveKeys({ ...files, agentKeypairFile: manager.secretFile }, silentLogger);
    return { curve, manager, client: { ...own, serverKey: curve.publicKey } };
  }

  it('admits the manager and refuses every other key, and plain clients', async () => {
    const { curve, client: good } = await keys();
    const { client } = await serve([], { curve });
    const { curveKeyPair } = loadZeromq();
    expect(await client(good).ping()).toBe(true);
    expect((await client(good).call('ping', ['x'])).value).toBe('x');
    const wrong = [
      client({ ...curveKeyPair(), serverKey: curve.publicKey }),
      client({ ...good, serverKey: curveKeyPair().publicKey }),
      client(),
    ];
    expect(await Promise.all(wrong.map((peer) => peer.ping(700)))).toEqual([false, false, false]);
    expect(await client(good).ping()).toBe(true);
  });

  it('refuses a CURVE client when it serves in plain text', async () => {
    const { client: good } = await keys();
    const { client } = await serve();
    expect(await client(good).ping(500)).toBe(false);
    expect(await client().ping()).toBe(true);
  });

  it('takes a changed manager key from the next connection on', async () => {
    const { curve, client: good, manager } = await keys();
    const { client } = await serve([], { curve });
    const next = loadZeromq().curveKeyPair();
    const nextKeys = { ...next, serverKey: curve.publicKey };
    expect(await client(nextKeys).ping(400)).toBe(false);
    await writeFile(manager.publicFile, `public-key = "${next.publicKey}"\n`);
    expect(await client(nextKeys).ping()).toBe(true);
    expect(await client(good).ping(400)).toBe(false);
    await writeFile(manager.publicFile, 'nonsense');
    expect(await client(nextKeys).ping()).toBe(true);
  });
});
