/** Subnets in CIDR notation, as the cluster names them (spec cluster-state 1.7, config-and-ops 9). Pure. */
import { BlockList, isIP } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import { KerneletError } from '../../lib/errors.ts';

/** The interfaces of a machine, as `os.networkInterfaces` gives them. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * The first local address inside of a subnet. null: nothing is said by it, since it is absent or takes in everything.
 * undefined: no address is inside. Throws INVALID_CONFIG, naming the key in etcd.
 */
export function addressInSubnet(
  key: string,
  subnet: string | undefined,
  interfaces: Interfaces,
): string | null | undefined {
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
