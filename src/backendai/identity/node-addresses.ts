/** Under which addresses a node is known in its cluster (spec config-and-ops 9). */

import type { HostPort } from '../../config/settings.ts';
import { formatHostPort, isLoopback } from '../../config/value-types/address.ts';
import { KerneletError } from '../../lib/errors.ts';
import { addressInSubnet, type Interfaces } from './subnet.ts';

/** What the configuration says. */
export interface AddressSettings {
  readonly rpcListen: HostPort;
  readonly rpcAdvertised: HostPort | null;
  readonly bindHost: string;
  readonly advertisedHost: string | null;
  readonly publicHost: string | null;
}

/** What the cluster says. */
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

/** The addresses. */
export interface NodeAddresses {
  /** Where the RPC server listens. */
  readonly rpcListen: HostPort;
  /** Where managers reach it: `addr` of the heartbeat, as `tcp://host:port`. */
  readonly rpcAddress: string;
  /** Its host: `ip` of the heartbeat. */
  readonly ip: string;
  /** Where ports of kernels are published. */
  readonly bindHost: string;
  /** Where they are reached. */
  readonly kernelHost: string;
  readonly publicHost: string;
  /** What an operator should know of the choice. */
  readonly warnings: readonly string[];
}

/** Finds them. Throws INVALID_CONFIG. */
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
