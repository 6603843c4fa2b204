/**
 * The datagram socket on which a service manager hears (sd_notify(3)): Node has none in the UNIX domain. Nothing here
 * waits: a service manager that does not read holds nobody up.
 */
import { KerneletError } from '../lib/errors.ts';
import { koffi } from '../lib/foreign-functions.ts';

/** What became of a message. `full`: the reader is behind; the same may be sent again later. */
export type Sent = 'sent' | 'full' | { readonly failure: string };

/** The socket. Disposing closes it. */
export interface NotifySocket extends Disposable {
  send(text: string): Sent;
}

// The same on every architecture that there is a Node of ours for.
const unixDomain = 1;
const datagram = 2;
const closeOnExec = 0o2000000;
const nonBlocking = 0o4000;
const noSignal = 0x4000;
/** Of `sockaddr_un`: the family, and the room for a path. */
const familyBytes = 2;
const maxPathBytes = 108;

const library = koffi.load('libc.so.6');
const socket: (domain: number, type: number, protocol: number) => number = library.func('int socket(int, int, int)');
const close: (descriptor: number) => number = library.func('int close(int)');
const sendTo: (
  descriptor: number,
  bytes: Uint8Array,
  length: number,
  flags: number,
  address: Uint8Array,
  addressLength: number,
) => number = library.func('long sendto(int, const void *, size_t, int, const void *, uint32_t)');

/**
 * Opens it. `address`: a path, or an abstract name behind an `@`. Throws NOT_SUPPORTED for other addresses, INTERNAL when
 * there is no descriptor left.
 */
export function openNotifySocket(address: string): NotifySocket {
  const to = socketAddress(address);
  const descriptor = socket(unixDomain, datagram | closeOnExec | nonBlocking, 0);
  if (descriptor < 0) throw new KerneletError('INTERNAL', `a socket could not be opened (${lastFailure()})`);
  let open = true;
  return {
    send(text) {
      if (!open) return { failure: 'the socket is closed' };
      const bytes = Buffer.from(text);
      if (sendTo(descriptor, bytes, bytes.length, noSignal, to, to.length) >= 0) return 'sent';
      const failure = lastFailure();
      return failure === 'EAGAIN' || failure === 'ENOBUFS' ? 'full' : { failure };
    },
    [Symbol.dispose]: () => {
      if (open) close(descriptor);
      open = false;
    },
  };
}

function socketAddress(address: string): Buffer {
  const isAbstract = address.startsWith('@');
  const name = Buffer.from(isAbstract ? `\0${address.slice(1)}` : `${address}\0`);
  if (!(isAbstract || address.startsWith('/')) || name.length > maxPathBytes) {
    throw new KerneletError('NOT_SUPPORTED', `NOTIFY_SOCKET: ${address} is neither a path nor an abstract name`);
  }
  const bytes = Buffer.alloc(familyBytes + name.length);
  bytes.writeUInt16LE(unixDomain);
  name.copy(bytes, familyBytes);
  return bytes;
}

/** The name of the C library's last error. */
function lastFailure(): string {
  const number = koffi.errno();
  return Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
}
