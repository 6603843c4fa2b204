/** Kernels on prewarmed networks, in real containers: used again and again, as closed as others, and left nowhere. */
import { spawnSync } from 'node:child_process';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { asContainerId } from '../../src/lib/ids.ts';
import { connectTestEngine, within } from '../support/engine.ts';
import { eventually, untilEmpty } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { containerOf, joinedBy, prewarmedNetworks, prewarmedNetworksOf } from '../support/prewarmed-networks.ts';

let engine: DockerEngine;
let node: NodeUnderTest;
let service: Server;
beforeAll(async () => {
  engine = await connectTestEngine();
  node = await NodeUnderTest.started();
  service = createServer((socket) => socket.on('error', () => {}).end('hello')).listen(0, '0.0.0.0');
  await new Promise((resolve) => service.once('listening', resolve));
});
afterAll(async () => {
  // It asserts that nothing is left: no container, no network, no rule.
  await node?.[Symbol.asyncDispose]();
  await new Promise((resolve) => service.close(resolve));
  await engine?.[Symbol.asyncDispose]();
});

/** Runs Python in a kernel and returns what it printed. */
async function python(kernel: string, code: string): Promise<string> {
  const { status, text, stderr } = await node.run(['exec', kernel, '-c', code]);
  if (status !== 0) throw new Error(`exec ended with status ${status}: ${stderr}`);
  return text.trim();
}

const create = (...args: readonly string[]) => node.create('--lang', 'python', ...args);
const remove = async (...kernels: readonly string[]) => {
  expect((await node.run(['rm', '-f', ...kernels])).status).toBe(0);
  await untilEmpty(node);
};

const reaches = (kernel: string, address: string, port: number) =>
  python(
    kernel,
    `import socket
try:
    socket.create_connection((${JSON.stringify(address)}, ${port}), 2).close(); print('yes')
except OSError as error: print('no')`,
  );

const ownAddress = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('203.0.113.1', 9)); print(s.getsockname()[0])`;
const listen = `import socket
server = socket.socket(); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(('0.0.0.0', 8000)); server.listen()`;

describe('prewarmed networks', () => {
  it('are used by one kernel after the other', async () => {
    const ready = await prewarmedNetworks(node);
    expect(ready).toHaveLength(2);
    for (let round = 0; round < 3; round += 1) {
      const kernel = await create();
      expect(ready).toContain(await joinedBy(kernel));
      await remove(kernel);
    }
    expect(await prewarmedNetworksOf(node)).toEqual(ready);
  });

  it('keep kernels off each other, off kernels with networks of their own, and off the host', async () => {
    await prewarmedNetworks(node);
    const [one, two] = await Promise.all([create(), create()]);
    const alone = await create('--publish', '8000');
    expect(await Promise.all([one, two].map(joinedBy))).not.toContain(null);
    expect(await joinedBy(alone)).toBeNull();
    const kernels = [one, two, alone];
    const addresses = await Promise.all(kernels.map((kernel) => python(kernel, ownAddress)));
    expect(new Set(addresses).size).toBe(3);
    await Promise.all(kernels.map((kernel) => python(kernel, listen)));
    const hostPort = (service.address() as AddressInfo).port;
    const routes = spawnSync('ip', ['-4', '-o', 'addr', 'show'], { encoding: 'utf8' }).stdout;
    const subnet = (addresses[0] ?? '').split('.').slice(0, 2).join('.');
    const gateway = new RegExp(`inet (${subnet.replace('.', '\\.')}\\.\\d+\\.\\d+)/`).exec(routes)?.[1] ?? '';
    expect(gateway).not.toBe('');
    for (const [index, kernel] of kernels.entries()) {
      expect(await reaches(kernel, '127.0.0.1', 8000)).toBe('yes');
      expect(await reaches(kernel, gateway, hostPort)).toBe('no');
      for (const address of addresses.filter((_, other) => other !== index)) {
        expect(await reaches(kernel, address, 8000)).toBe('no');
      }
    }
    await remove(...kernels);
  });

  it('give names and hosts as a network of its own does, and a tenant can change none', async () => {
    await prewarmedNetworks(node);
    const [joined, alone] = [await create(), await create('--publish', '8000')];
    expect(await joinedBy(joined)).not.toBeNull();
    const facts = `import socket
print(open('/etc/resolv.conf').read(), socket.gethostbyname('localhost'), socket.gethostbyname(socket.gethostname()) != '')`;
    expect(await python(joined, facts)).toBe(await python(alone, facts));
    expect(await python(joined, 'import socket; print(socket.gethostname())')).toMatch(/^[0-9a-f-]{12}$/);
    const writable = `import os
print([name for name in ('hosts', 'resolv.conf', 'hostname') if os.access('/etc/' + name, os.W_OK)])`;
    expect(await python(joined, writable)).toBe('[]');
    await remove(joined, alone);
  });

  // @promise no-ids-on-network
  it('and networks of their own tell no neighbour the id of a kernel: no name of it holds the id', async () => {
    await prewarmedNetworks(node);
    const kernels = [await create(), await create('--publish', '8000'), await create('--publish', '8001')];
    const asking = kernels.at(-1) ?? '';
    const asked = async (code: string): Promise<string> => await python(asking, `import socket\n${code}`);
    const resolves = (name: string) =>
      asked(`try: print(socket.gethostbyname(${JSON.stringify(name)}))
except OSError: print('no')`);
    for (const kernel of kernels.slice(0, 2)) {
      const address = await python(kernel, ownAddress);
      const container = await engine.inspectContainer(asContainerId(await containerOf(kernel)), within(10_000));
      const guesses = [kernel, kernel.slice(0, 12), `kernel.python.${kernel}`, `kernel.base.${kernel}`];
      for (const name of guesses) expect([name, await resolves(name)]).toEqual([name, 'no']);
      const told = await asked(`print(socket.gethostbyaddr(${JSON.stringify(address)}))`);
      expect(told).toContain(address);
      expect(told).not.toContain(kernel.slice(0, 8));
      // Names are answered, those that no tenant can guess.
      const joined = await joinedBy(kernel);
      expect(await resolves(joined === null ? (container?.name ?? '') : joined.slice(0, 12))).toBe(address);
    }
    await remove(...kernels);
  });

  it('bring no bytes of an earlier kernel into the statistics of the next', async () => {
    await prewarmedNetworks(node);
    const send = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(2000):
    try: s.sendto(bytes(1000), ('203.0.113.1', 9))
    except OSError: pass`;
    const sentBy = async (kernel: string): Promise<number> => {
      const listed: unknown = JSON.parse((await node.run(['stats', '--json'])).text);
      const own = Array.isArray(listed) ? listed.find(({ id }: { id: string }) => id === kernel) : undefined;
      return Number(own?.sentBytes ?? Number.NaN);
    };
    const first = await create();
    await python(first, send);
    const network = await joinedBy(first);
    await eventually('the bytes are counted', async () => ((await sentBy(first)) > 1_000_000 ? true : null));
    expect((await node.run(['restart', first])).status).toBe(0);
    expect(await joinedBy(first)).toBe(network);
    const whole = await sentBy(first);
    expect(whole).toBeGreaterThan(1_000_000);
    expect(whole).toBeLessThan(3_500_000);
    await remove(first);
    await prewarmedNetworks(node);
    const kernels = [await create(), await create()];
    const joined = await Promise.all(kernels.map(joinedBy));
    expect(joined).not.toContain(null);
    expect(joined).not.toContain(network);
    for (const kernel of kernels) expect(await sentBy(kernel)).toBeLessThan(100_000);
    await remove(...kernels);
  });

  // @promise network-tells-nothing
  it.each([
    ['an end of a connection that waits for its time to pass', 'b.close(); c.close(); a.close()'],
    [
      'traffic, whose peer may go on',
      `socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('203.0.113.1', 9))`,
    ],
  ])('are given up, not leased again, when a kernel leaves %s', async (_, leave) => {
    const ready = await prewarmedNetworks(node);
    const kernel = await create();
    const network = await joinedBy(kernel);
    expect(ready).toContain(network);
    const connected = `import socket
a = socket.socket(); a.bind(('127.0.0.1', 9000)); a.listen(1)
b = socket.create_connection(('127.0.0.1', 9000)); c, _ = a.accept()`;
    await python(kernel, `${connected}\n${leave}`);
    await remove(kernel);
    const kernels = [await create(), await create()];
    expect(await Promise.all(kernels.map(joinedBy))).not.toContain(network);
    const free = `import socket
print(open('/proc/net/tcp').read().count(':2328 ')); socket.socket().bind(('127.0.0.1', 9000))`;
    for (const next of kernels) expect(await python(next, free)).toBe('0');
    await remove(...kernels);
    await eventually('another has taken its place', async () => {
      const found = await prewarmedNetworksOf(node, { all: true });
      return found.length === 2 && !found.includes(network ?? '') ? true : null;
    });
  });

  it('outlive a killed daemon where kernels are on them, and are made anew where none is', async () => {
    const before = await prewarmedNetworks(node);
    const kernel = await create();
    const network = await joinedBy(kernel);
    await python(kernel, 'x = 41');
    await node.endDaemon('SIGKILL');
    await node.startDaemon();
    expect(await python(kernel, 'print(x + 1)')).toBe('42');
    // What the files of the others hold is known to nobody any more.
    const made = await eventually('two others are ready', async () => {
      const found = await prewarmedNetworksOf(node, { all: true });
      return found.length === 3 && found.filter((id) => before.includes(id)).join() === network ? found : null;
    });
    const next = await create();
    expect(made.filter((id) => id !== network)).toContain(await joinedBy(next));
    await remove(kernel, next);
    await eventually('that of the kernel is gone', async () => {
      const found = await prewarmedNetworksOf(node, { all: true });
      return found.length === 2 && !found.includes(network ?? '') ? true : null;
    });
  });

  it('that were ended or removed by somebody else are not used', async () => {
    const [ended, removed] = await prewarmedNetworks(node);
    await engine.killContainer(asContainerId(ended ?? ''), 'SIGKILL', within(10_000));
    await engine.removeContainer(asContainerId(removed ?? ''), within(10_000));
    const outcome = await node.run(['run', '--lang', 'python', '-c', 'print(1)']);
    expect(outcome).toMatchObject({ status: 0, text: '1\n' });
    await eventually('two others are ready', async () => {
      const found = await prewarmedNetworksOf(node, { all: true });
      return found.length === 2 && !found.includes(ended ?? '') ? true : null;
    });
  });

  it('hold no image that is to be removed', async () => {
    await prewarmedNetworks(node);
    const copy = 'kernelet-test/prewarmed-networks:latest';
    await engine.tagImage('kernelet/shell:latest', copy, within(10_000));
    expect((await node.run(['image', 'rm', copy])).status).toBe(0);
    expect(await prewarmedNetworksOf(node, { all: true })).toEqual([]);
  });
});
