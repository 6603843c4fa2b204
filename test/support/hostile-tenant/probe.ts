/** A program that tries, as a tenant, everything that it may think of; run in a kernel, it says what of it was open. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import type { Outcome } from '../command.ts';
import { docker } from '../runner-container.ts';

const probeFolder = path.join(import.meta.dirname, 'probe');

export interface Findings {
  /** How often something was tried, by its kind. */
  readonly tried: Readonly<Record<string, number>>;
  /** Lines of a kind and a subject, sorted. */
  readonly open: readonly string[];
}

/** What a tenant should not reach: services on every IPv4 address of this machine but those of its loopback. */
export interface HostServices extends AsyncDisposable {
  /** By address, of this machine: how it is called in what is found. One at least. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Ports that certainly answer there. */
  readonly listening: { readonly tcp: number; readonly udp: number };
}

/** Listens on every IPv4 address; what comes by UDP is sent back. Throws when this machine has none but those of its loopback. */
export async function hostServices(): Promise<HostServices> {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outside = own.filter(({ family, internal }) => family === 'IPv4' && !internal);
  if (outside.length === 0) throw new Error('this machine has no IPv4 address at which kernels could reach it');
  const tcp = createServer((socket) => socket.on('error', () => {}).end('hello')).listen(0, '0.0.0.0');
  await once(tcp, 'listening');
  const udp = createSocket('udp4').on('message', (data, from) => udp.send(data, from.port, from.address));
  udp.bind(0, '0.0.0.0');
  await once(udp, 'listening');
  return {
    addresses: Object.fromEntries(outside.map(({ address }) => [address, 'the host'])),
    listening: { tcp: (tcp.address() as AddressInfo).port, udp: udp.address().port },
    [Symbol.asyncDispose]: async () => {
      udp.close();
      tcp.close();
      await once(tcp, 'close');
    },
  };
}

/** So many attempts to reach something there are at least: 19 at each address (reachable.py), and 2 of metadata. */
export const leastReached = ({ addresses }: HostServices): number => 19 * Object.keys(addresses).length + 2;

/** Everything; or, where nothing else differs from a kernel that was looked at, all but the files of /sys and the image. */
export type Extent = 'whole' | 'without files';

const wanted = ({ addresses, listening }: HostServices, extent: Extent): string =>
  JSON.stringify({ addresses, listening, whole: extent === 'whole' });

/** Runs it as the tenant of a kernel, through the API of its node. Throws when it did not come to its end. */
export async function probeKernel(
  node: { run(args: readonly string[]): Promise<Outcome> },
  id: string,
  { services, extent }: { readonly services: HostServices; readonly extent: Extent },
): Promise<Findings> {
  const sent = await node.run(['upload', id, probeFolder, '.']);
  if (sent.status !== 0) throw new Error(sent.stderr);
  const done = await node.run(['exec', id, '--', 'python3', 'probe/main.py', wanted(services, extent)]);
  if (done.status !== 0 || done.stderr !== '') throw new Error(`status ${done.status}: ${done.stderr}`);
  return JSON.parse(done.text) as Findings;
}

/** Runs all of it as root in a container of the engine's own, with these options. */
export async function probeContainer(options: readonly string[], services: HostServices): Promise<Findings> {
  const mount = `--volume=${probeFolder}:/probe:ro`;
  const command = ['python3', '/probe/main.py', wanted(services, 'whole')];
  return JSON.parse(await docker('run', '--rm', mount, ...options, 'kernelet/python', ...command)) as Findings;
}
