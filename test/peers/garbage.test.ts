import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { methods } from '../../src/backendai/rpc/methods/index.ts';
import { maxMessageBytes, RpcServer } from '../../src/backendai/rpc/rpc-server.ts';
import { MessageRouter } from '../../src/backendai/transport/message-router.ts';
import { loadZeromq } from '../../src/backendai/transport/zeromq.ts';
import { encodeHeader } from '../../src/backendai/wire/callosum.ts';
import { encodeMsgpack } from '../../src/backendai/wire/msgpack/encode.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { CallosumClient } from '../support/callosum-client.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { fuzzRuns } from '../support/depth.ts';
import { encodeRequestData } from '../support/manager-wire.ts';
import { rpcServices } from '../support/rpc-services.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'hex');
const upper = Buffer.from('UPPER');
const header = encodeHeader('function', { method: 'ping', orderKey: '', sequence: 7 });
const body = (inner: Uint8Array): Uint8Array => encodeMsgpack({ meta: new Uint8Array(0), body: inner });
const anything = (size: number): Buffer => randomBytes(size);

/** One message of each class of bad input, made anew each time. */
const classes: readonly (() => readonly Uint8Array[])[] = [
  () => [upper],
  () => [upper, header],
  () => [Buffer.from('LOWER'), header, body(bytes('c0'))],
  () => [anything(5), anything(30), anything(30)],
  () => [upper, anything(40), body(bytes('c0'))],
  () => [upper, bytes('dfffffffff'), Buffer.alloc(0)],
  () => [upper, header, anything(200)],
  () => [upper, header, body(anything(200))],
  () => [upper, header, body(bytes('ddffffffff'))],
  () => [upper, header, body(Buffer.concat([Buffer.alloc(5000, 0x91), bytes('c0')]))],
  () => [upper, header, body(Buffer.concat([bytes('c8ffff06'), anything(65_535)]))],
  () => [upper, header, body(bytes('c7180680058c066e6f737563688c05436c617373938c016185522e'))],
  () => [upper, header.with(header.length - 1, 0xc3), anything(100)],
  () => [upper, encodeHeader('function', { method: 'nosuch', orderKey: '', sequence: 7 }), body(bytes('c0'))],
  () => [upper, encodeHeader('cancel', { method: 'ping', orderKey: '', sequence: 7 }), body(bytes('c0'))],
  () => [upper, header, encodeRequestData({ args: [1, 2, 3], kwargs: { x: 1 } })],
  () => Array.from({ length: 50 }, () => anything(3)),
];

/** What the process holds, without what V8 has just not collected yet. */
function heldBytes(): number {
  collectGarbage();
  return process.memoryUsage().rss;
}

describe('a server that is sent garbage', () => {
  // @promise wrong-calls
  it('goes on, keeps its memory, and answers pings beside it', { timeout: fuzzRuns(60_000) }, async () => {
    const address = { host: '127.0.0.1', port: 0 };
    await using socket = await MessageRouter.bind({ address, curve: null, maxMessageBytes, log: silentLogger });
    const services = rpcServices();
    const server = new RpcServer({ socket, methods, services, log: silentLogger });
    void server.run();
    const { Context, Dealer } = loadZeromq();
    const hostile = new Dealer({ context: new Context(), linger: 0, sendHighWaterMark: 0 });
    hostile.connect(socket.endpoint);
    // Its replies are read, or they would be what fills the memory.
    let pongs = 0;
    const reading = (async () => {
      for await (const [kind] of hostile) if (kind?.toString() === 'PONG') pongs += 1;
    })();
    let caughtUp = 0;
    /** Until the server has taken all that was sent before: what is on its way is no memory that it keeps. */
    const catchUp = async (): Promise<void> => {
      await hostile.send([Buffer.from('PING'), Buffer.alloc(0), Buffer.alloc(0)]);
      caughtUp += 1;
      while (pongs < caughtUp) await sleep(1);
    };
    using client = CallosumClient.connect(socket.endpoint);
    const flood = async (each: number): Promise<void> => {
      for (let index = 0; index < each; index += 1) {
        for (const make of classes) await hostile.send(make() as Uint8Array[]);
        // A thousand of each class take some seconds: sender, server and pings share one thread here.
        await sleep(2);
        if (index % 100 === 99) await catchUp();
      }
    };
    const pings: number[] = [];
    let done = false;
    const pinging = (async () => {
      while (!done) {
        const begun = performance.now();
        expect(await client.ping()).toBe(true);
        pings.push(performance.now() - begun);
      }
    })();
    // The allocator has its size only after a while.
    await flood(1000);
    const before = heldBytes();
    await flood(fuzzRuns(1000));
    const grown = heldBytes() - before;
    done = true;
    await pinging;
    expect((await client.call('ping', ['alive'])).value).toBe('alive');
    expect(server.openCalls).toBe(0);
    expect(grown).toBeLessThan(100e6);
    expect(pings.length).toBeGreaterThan(50);
    expect(pings.sort((a, b) => a - b)[Math.floor(pings.length * 0.99)]).toBeLessThan(50);
    hostile.close();
    await reading;
  });
});
