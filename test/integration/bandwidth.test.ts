/** The bandwidth of a kernel's network, measured through a real one. */
import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inventory } from '../support/inventory.ts';
import { eventually, kernelsOf } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { joinedBy, prewarmedNetworks } from '../support/prewarmed-networks.ts';

const rate = 40e6;

let node: NodeUnderTest;
let kernel: string;
beforeAll(async () => {
  node = await NodeUnderTest.started();
  await prewarmedNetworks(node);
  kernel = await node.create('--lang', 'python', '--bandwidth', '40mbit', '--publish', '8000', '--publish', '8001');
  const served = await node.run(['exec', kernel, '-c', program]);
  expect(served).toMatchObject({ status: 0, stderr: '' });
});
// It asserts that nothing is left, of network devices neither.
afterAll(() => node?.[Symbol.asyncDispose]());

/** Sends without end on one port, and takes without end on the other. */
const program = `import socket, threading
def serve(port, work):
    server = socket.create_server(('0.0.0.0', port))
    def accept():
        while True:
            peer, _ = server.accept()
            threading.Thread(target=work, args=(peer,), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
def send(peer):
    try:
        while True: peer.sendall(bytes(65536))
    except OSError: pass
def take(peer):
    count = 0
    while data := peer.recv(65536):
        count += len(data)
        try: peer.sendall(len(data).to_bytes(4, 'big'))
        except OSError: return
serve(8000, send); serve(8001, take)`;

const warmUpMs = 700;
const measureMs = 2_500;

/** Bits a second through a port of the kernel, after a while. `sends`: towards the kernel, as far as it acknowledges. */
async function bitsPerSecond(containerPort: number, sends: boolean): Promise<number> {
  const found = (await kernelsOf(node)).find(({ id }) => id === kernel)?.ports;
  const port = found?.find((one) => one.containerPort === containerPort)?.hostPort ?? 0;
  const socket = connect(port, '127.0.0.1');
  try {
    let bytes = 0;
    let begun = 0;
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      if (!sends) {
        if (begun > 0) bytes += chunk.length;
        return;
      }
      rest = Buffer.concat([rest, chunk]);
      for (; rest.length >= 4; rest = rest.subarray(4)) if (begun > 0) bytes += rest.readUInt32BE(0);
    });
    const piece = Buffer.alloc(65_536);
    const push = (): void => {
      while (!socket.destroyed && socket.write(piece));
    };
    if (sends) socket.on('drain', push).on('connect', push);
    await new Promise((resolve) => setTimeout(resolve, warmUpMs));
    begun = performance.now();
    await new Promise((resolve) => setTimeout(resolve, measureMs));
    return (bytes * 8) / ((performance.now() - begun) / 1000);
  } finally {
    socket.on('error', () => {}).destroy();
  }
}

async function expectBothLimited(): Promise<void> {
  for (const [port, sends] of [
    [8000, false],
    [8001, true],
  ] as const) {
    const measured = await bitsPerSecond(port, sends);
    expect(measured, sends ? 'what it receives' : 'what it sends').toBeGreaterThan(rate * 0.8);
    expect(measured, sends ? 'what it receives' : 'what it sends').toBeLessThan(rate * 1.2);
  }
}

const devices = async () => [...(await inventory(node.stateDir))].filter((line) => line.startsWith('network device'));
const tc = (...args: readonly string[]): string => spawnSync('tc', args, { encoding: 'utf8' }).stdout;
const shaped = () => tc('qdisc', 'show').match(/tbf/g) ?? [];

describe('a kernel with a limit on its bandwidth', { timeout: 60_000 }, () => {
  it('has a network of its own, which carries the rate in each direction', async () => {
    expect(await joinedBy(kernel)).toBeNull();
    expect((await node.run(['inspect', kernel])).text).toMatch(/bandwidth:\s+40mbit/);
    await expectBothLimited();
  });

  it('keeps the limit when the daemon is killed, and has one after a restart', async () => {
    await node.endDaemon('SIGKILL');
    await node.startDaemon();
    expect(shaped()).toHaveLength(2);
    await node.run(['restart', kernel]);
    expect(shaped()).toHaveLength(2);
    expect(await node.run(['exec', kernel, '-c', program])).toMatchObject({ status: 0 });
    await expectBothLimited();
  });

  it('has its whole limit after a kill of the daemon in the middle of setting it', async () => {
    const [, hostEnd = ''] = /qdisc ingress ffff: dev (\S+)/.exec(tc('qdisc', 'show')) ?? [];
    const handsOver = () => tc('filter', 'show', 'dev', hostEnd, 'ingress').includes('mirred');
    expect(handsOver()).toBe(true);
    await node.endDaemon('SIGKILL');
    tc('filter', 'delete', 'dev', hostEnd, 'ingress');
    expect(handsOver()).toBe(false);
    await node.startDaemon();
    expect((await kernelsOf(node)).map(({ id }) => id)).toEqual([kernel]);
    expect(handsOver()).toBe(true);
  });

  it('takes the limit along at its end', async () => {
    expect(await devices()).toHaveLength(1);
    await node.run(['rm', '-f', kernel]);
    expect(await devices()).toEqual([]);
    expect(shaped()).toEqual([]);
    const other = await node.create('--lang', 'shell');
    expect(await eventually('a network', async () => await joinedBy(other))).toMatch(/^[0-9a-f]{64}$/);
    expect(shaped()).toEqual([]);
    await node.run(['rm', '-f', other]);
  });

  it('is refused without a network, and with a rate that is none', async () => {
    const alone = await node.run(['create', '--lang', 'shell', '--network', 'none', '--bandwidth', '1mbit']);
    expect(alone.stderr).toContain('the bandwidth of a kernel that has no network of its own cannot be limited');
    expect((await node.run(['create', '--lang', 'shell', '--bandwidth', '10'])).stderr).toContain(
      'is not a rate such as',
    );
  });
});
