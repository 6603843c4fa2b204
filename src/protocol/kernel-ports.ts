/** TCP ports inside a kernel: what a runner says of those on which something listens, and the guards of it. */
import { type Fields, list, object, text, whole } from './guards.ts';

/** A port on which something in the kernel listens. */
export interface ListeningPort {
  readonly port: number;
  /** Addresses of the kernel that it is bound to, eight at most: `0.0.0.0`, `127.0.0.1`, `::`. */
  readonly addresses: readonly string[];
}

/** The ports on which something listens, by number. */
export interface ListeningPorts {
  readonly ports: readonly ListeningPort[];
  /** Whether there are others, which no longer fit. */
  readonly more: boolean;
}

/** Ports that a runner names at most. */
export const maxListeningPorts = 256;
/** Addresses that it names of one port at most. */
export const maxPortAddresses = 8;
const maxPort = 65_535;
/** Characters of an address: of IPv6, written out. */
const maxAddress = 45;

/** Reads the number of a port. Throws FrameError. */
export const portNumber = (value: unknown): number => whole(value, 'port', 1, maxPort);

/** Reads what a runner says of its listening ports. Throws FrameError. */
export function listeningPorts({ ports, more }: Fields): ListeningPorts {
  return {
    ports: list(ports, 'ports', maxListeningPorts).map((item) => {
      const fields = object(item, 'port');
      const addresses = list(fields['addresses'], 'addresses', maxPortAddresses);
      return {
        port: portNumber(fields['port']),
        addresses: addresses.map((address) => text(address, 'address', maxAddress)),
      };
    }),
    more: more === true,
  };
}
