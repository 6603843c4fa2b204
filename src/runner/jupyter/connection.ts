/** How a kernel and its client find each other: the connection file, and the addresses that follow from it. Pure. */
import type { Address } from './zmtp-socket.ts';

/** The sockets of a kernel that we use. It has a heartbeat too, which tells nothing that the end of its process does not. */
export const channels = ['shell', 'iopub', 'stdin', 'control'] as const;
/** A socket of a kernel, by the name that Jupyter has for it. */
export type Channel = (typeof channels)[number];

/** What the two sides have to know of each other before they can speak. */
export interface ConnectionInfo {
  readonly transport: 'ipc' | 'tcp';
  /** An address of the loopback, or what the paths of the sockets begin with. */
  readonly ip: string;
  readonly ports: Readonly<Record<Channel | 'hb', number>>;
  readonly key: string;
}

/** The text of the connection file. */
export function connectionFile({ transport, ip, ports, key }: ConnectionInfo, kernelName: string): string {
  return JSON.stringify({
    transport,
    ip,
    shell_port: ports.shell,
    iopub_port: ports.iopub,
    stdin_port: ports.stdin,
    control_port: ports.control,
    hb_port: ports.hb,
    key,
    signature_scheme: 'hmac-sha256',
    kernel_name: kernelName,
  });
}

/** Where a channel may be: Jupyter joins path and number with a dash, and kernels that don't know that rule with a colon. */
export function addressesOf({ transport, ip, ports }: ConnectionInfo, channel: Channel): readonly Address[] {
  const port = ports[channel];
  if (transport === 'tcp') return [{ host: ip, port }];
  return [{ path: `${ip}-${port}` }, { path: `${ip}:${port}` }];
}
