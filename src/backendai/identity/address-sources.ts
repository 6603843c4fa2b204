/** What the machine says of its addresses, each asked within a deadline (spec config-and-ops 9). */
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { hostname, networkInterfaces } from 'node:os';
import type { HostPort } from '../../config/settings.ts';
import { withDeadline } from '../../lib/deadline.ts';
import type { AddressSources } from './node-addresses.ts';

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
