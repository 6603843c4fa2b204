import { describe, expect, it, vi } from 'vitest';
import { type Logger, silentLogger } from '../../lib/log.ts';
import { MessageRouter } from './message-router.ts';
import { loadZeromq } from './zeromq.ts';

const options = { curve: null, maxMessageBytes: 1024 * 1024, log: silentLogger };
const loopback = { host: '127.0.0.1', port: 0 };

describe('MessageRouter', () => {
  it('says which address cannot be had', async () => {
    await using first = await MessageRouter.bind({ ...options, address: loopback });
    const port = Number(first.endpoint.split(':').at(-1));
    // By this code a service manager tries again: with the one of a configuration that is refused it does not.
    const code = 'STATE_UNUSABLE';
    await expect(MessageRouter.bind({ ...options, address: { host: '127.0.0.1', port } })).rejects.toMatchObject({
      code,
      message: `agent.rpc-listen-addr: cannot listen on tcp://127.0.0.1:${port}: EADDRINUSE`,
    });
    await expect(MessageRouter.bind({ ...options, address: { host: '192.0.2.1', port: 0 } })).rejects.toMatchObject({
      code,
    });
  });

  it('listens on an IPv6 address', async () => {
    await using router = await MessageRouter.bind({ ...options, address: { host: '::1', port: 0 } });
    expect(router.endpoint).toMatch(/^tcp:\/\/\[::1\]:\d+$/);
  });

  it('delivers everything, in order, to a peer that begins to read late', async () => {
    await using router = await MessageRouter.bind({ ...options, address: loopback });
    const { Context, Dealer } = loadZeromq();
    const peer = new Dealer({ context: new Context(), linger: 0, receiveHighWaterMark: 1, receiveBufferSize: 4096 });
    const other = new Dealer({ context: new Context(), linger: 0 });
    peer.connect(router.endpoint);
    other.connect(router.endpoint);
    const incoming: (readonly Uint8Array[])[] = [];
    void router.read((message) => incoming.push(message));
    await peer.send('hello');
    await vi.waitFor(() => expect(incoming).toHaveLength(1));
    await other.send('hello');
    await vi.waitFor(() => expect(incoming).toHaveLength(2));
    const [[id], [otherId]] = incoming as [[Uint8Array], [Uint8Array]];
    const count = 3000;
    for (let index = 0; index < count; index += 1) {
      router.send([id, Buffer.from(String(index)), Buffer.alloc(2000)]);
    }
    router.send([otherId, Buffer.from('not held up')]);
    expect(String((await other.receive())[0])).toBe('not held up');
    for (let index = 0; index < count; index += 1) expect(String((await peer.receive())[0])).toBe(String(index));
    expect(router.dropped).toBe(0);
    router.send([Buffer.from('nobody'), Buffer.from('x')]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(router.dropped).toBe(1);
    peer.close();
    other.close();
  });

  it('says once in a while how many replies it has dropped of a peer that does not read', async () => {
    const lines: unknown[] = [];
    const log: Logger = { ...silentLogger, warn: (text, fields) => void lines.push([text, fields?.['dropped']]) };
    await using router = await MessageRouter.bind({ ...options, address: loopback, log });
    const { Context, Dealer } = loadZeromq();
    const peer = new Dealer({ context: new Context(), linger: 0, receiveHighWaterMark: 1, receiveBufferSize: 4096 });
    peer.connect(router.endpoint);
    const incoming: (readonly Uint8Array[])[] = [];
    void router.read((message) => incoming.push(message));
    await peer.send('hello');
    await vi.waitFor(() => expect(incoming).toHaveLength(1));
    const [id] = incoming[0] as [Uint8Array];
    // More than the peer's line holds, and all of it the same memory.
    const reply = Buffer.alloc(1024 * 1024);
    for (let index = 0; index < 2_000; index += 1) router.send([id, reply]);
    await vi.waitFor(() => expect(router.dropped).toBeGreaterThan(100), 10_000);
    expect(lines).toEqual([['a peer does not read its replies, and they are dropped', 1]]);
    peer.close();
  });

  it('lets timers have their turn while messages come and go without end', async () => {
    await using router = await MessageRouter.bind({ ...options, address: loopback });
    const { Context, Dealer } = loadZeromq();
    const peer = new Dealer({ context: new Context(), linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 });
    peer.connect(router.endpoint);
    const count = 3000;
    for (let index = 0; index < count; index += 1) await peer.send(String(index));
    await new Promise((resolve) => setTimeout(resolve, 200));
    let taken = 0;
    let ticks = 0;
    const ticking = setInterval(() => (ticks += 1), 1);
    void router.read(([id = Buffer.alloc(0)]) => {
      const until = performance.now() + 0.1;
      while (performance.now() < until);
      taken += 1;
      router.send([id, Buffer.from('x')]);
    });
    await vi.waitFor(() => expect(taken).toBe(count), { timeout: 10_000 });
    clearInterval(ticking);
    // 300 ms of work in shares of 2 ms; without them there are about as many turns as ZeroMQ allows itself: a few.
    expect(ticks).toBeGreaterThan(50);
    peer.close();
  });

  it('disconnects a peer that sends too much at once, and serves the others', async () => {
    await using router = await MessageRouter.bind({ ...options, address: loopback });
    const { Context, Dealer } = loadZeromq();
    const [bad, good] = [new Dealer({ context: new Context(), linger: 0 }), new Dealer({ context: new Context() })];
    bad.connect(router.endpoint);
    good.connect(router.endpoint);
    await bad.send(Buffer.alloc(2 * 1024 * 1024));
    await good.send('fine');
    const incoming: (readonly Uint8Array[])[] = [];
    void router.read((message) => incoming.push(message));
    await vi.waitFor(() => expect(incoming.map(([, text]) => String(text))).toEqual(['fine']));
    bad.close();
    good.close();
  });
});
