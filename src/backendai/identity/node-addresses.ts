/** Under which addresses a node is known in its cluster (spec config-and-ops 9). */

import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { hostname, type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import type { HostPort } from '../../config/settings.ts';
import { formatHostPort, isLoopback } from '../../config/value-types/address.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { KerneletError } from '../../lib/errors.ts';

/** What the node's own configuration says; blank or null is chosen here. */
export interface AddressSettings {
  readonly rpcListen: HostPort;
  readonly rpcAdvertised: HostPort | null;
  readonly bindHost: string;
  readonly advertisedHost: string | null;
  readonly publicHost: string | null;
}

/** Subnets that etcd names: of several addresses of a machine, the one inside is taken. */
export interface AddressHints {
  /** `config/network/subnet/agent`. */
  readonly agentSubnet: string | undefined;
  /** `config/network/subnet/container`. */
  readonly containerSubnet: string | undefined;
}

/** What the machine and its surroundings say; each is asked only when it is needed. */
export interface AddressSources {
  /** What the cloud's metadata service says; null where there is none. */
  readonly cloudIp: () => Promise<string | null>;
  /** The address of this machine's own name; null when the name is not known. */
  readonly nameAddress: () => Promise<string | null>;
  /** The address from which this machine reaches etcd. */
  readonly routeAddress: () => Promise<string | null>;
  readonly interfaces: Interfaces;
}

/** Where the node listens, and what it announces to managers and to people. */
export interface NodeAddresses {
  /** Where the RPC server listens. */
  readonly rpcListen: HostPort;
  /** Where managers reach it: `addr` of the heartbeat, as `tcp://host:port`. */
  readonly rpcAddress: string;
  /** Its host: `ip` of the heartbeat. */
  readonly ip: string;
  /** Where ports of kernels are published. */
  readonly bindHost: string;
  /** Where managers and app proxies reach those ports. */
  readonly kernelHost: string;
  readonly publicHost: string;
  /** What an operator should know of the choice. */
  readonly warnings: readonly string[];
}

/** Chooses the addresses. Throws INVALID_CONFIG for a subnet that is none, or holds no address of this machine. */
export async function nodeAddresses(
  settings: AddressSettings,
  hints: AddressHints,
  sources: AddressSources,
): Promise<NodeAddresses> {
  const warnings: string[] = [];
  const { port } = settings.rpcListen;
  const host = settings.rpcListen.host || (await rpcHost(hints, sources, warnings));
  const advertised = settings.rpcAdvertised ?? { host, port };
  const bindHost =
    settings.bindHost ||
    (addressInSubnet('config/network/subnet/container', hints.containerSubnet, sources.interfaces) ?? host);
  const kernelHost = settings.advertisedHost ?? bindHost;
  return {
    rpcListen: { host, port },
    rpcAddress: `tcp://${formatHostPort(advertised)}`,
    ip: advertised.host,
    bindHost,
    kernelHost,
    publicHost: settings.publicHost ?? kernelHost,
    warnings,
  };
}

async function rpcHost(hints: AddressHints, sources: AddressSources, warnings: string[]): Promise<string> {
  const cloud = await sources.cloudIp();
  if (cloud !== null) return cloud;
  const key = 'config/network/subnet/agent';
  const inside = addressInSubnet(key, hints.agentSubnet, sources.interfaces);
  if (inside === undefined) {
    const text = `no address of this machine is inside of ${hints.agentSubnet}, which etcd names in ${key}: set agent.rpc-listen-addr`;
    throw new KerneletError('INVALID_CONFIG', text, { context: { key, place: 'etcd' } });
  }
  if (inside !== null) return inside;
  const named = (await sources.nameAddress()) ?? '127.0.0.1';
  if (!isLoopback(named)) return named;
  // Debian gives a machine's name a loopback address, which a manager elsewhere would call itself at.
  const routed = await sources.routeAddress();
  if (routed === null || isLoopback(routed)) return named;
  warnings.push(
    `agent.rpc-listen-addr is blank and this machine's name is ${named}: listening on ${routed}, from where etcd is reached`,
  );
  return routed;
}

/** The interfaces of a machine, as `os.networkInterfaces` gives them. */
type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * The first local address inside of a subnet. null: nothing is said by it, since it is absent or takes in everything.
 * undefined: no address is inside. Throws INVALID_CONFIG, naming the key in etcd.
 */
function addressInSubnet(key: string, subnet: string | undefined, interfaces: Interfaces): string | null | undefined {
  if (subnet === undefined || subnet.trim() === '') return null;
  const [, address = '', length = ''] = /^([0-9a-f.:]+)\/(\d{1,3})$/i.exec(subnet.trim()) ?? [];
  const family = isIP(address);
  const prefix = Number(length);
  if (family === 0 || prefix > (family === 4 ? 32 : 128)) {
    const text = `etcd: ${key} = ${JSON.stringify(subnet.slice(0, 80))} is no subnet such as 10.0.0.0/8`;
    throw new KerneletError('INVALID_CONFIG', text, { context: { key, place: 'etcd' } });
  }
  if (prefix === 0) return null;
  const wanted = new BlockList();
  wanted.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
  return localAddresses(interfaces).find(({ address: own, family: kind }) => wanted.check(own, kind))?.address;
}

/** All addresses of the machine, in the order of its interfaces. */
function localAddresses(
  interfaces: Interfaces,
): readonly { readonly address: string; readonly family: 'ipv4' | 'ipv6' }[] {
  return Object.values(interfaces).flatMap((addresses) =>
    (addresses ?? []).map(({ address, family }) => ({ address, family: family === 'IPv4' ? 'ipv4' : 'ipv6' })),
  );
}

const deadlineMs = 5_000;

/** The sources of this machine; `etcd` is what the address of a route is found with. */
export function machineAddresses(etcd: HostPort, cloudIp: () => Promise<string | null>): AddressSources {
  return {
    cloudIp,
    nameAddress: () => orNull("the address of this machine's name", async () => (await lookup(hostname(), 4)).address),
    routeAddress: () => orNull(`the route to etcd at ${etcd.host}`, () => routeTo(etcd)),
    interfaces: networkInterfaces(),
  };
}

/** The local address from which another one is reached: connecting a datagram socket sends nothing. */
async function routeTo({ host, port }: HostPort): Promise<string> {
  const { address, family } = await lookup(host);
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(port, address, resolve);
    });
    return socket.address().address;
  } finally {
    socket.close();
  }
}

async function orNull(what: string, ask: () => Promise<string>): Promise<string | null> {
  try {
    return await withDeadline({ what, timeoutMs: deadlineMs }, ask);
  } catch {
    // A machine that does not know is asked by the next rule.
    return null;
  }
}
