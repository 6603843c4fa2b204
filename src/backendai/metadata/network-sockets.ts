/**
 * Whether a connection is among those of a network, asked of Linux (sock_diag(7)) in a few microseconds: its lists of sockets
 * (`/proc/net/tcp`) take milliseconds, however few there are. Nothing here waits.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { KerneletError } from '../../lib/errors.ts';
import { koffi } from '../../lib/foreign-functions.ts';

/** The end of a connection that has begun it, and what it was begun to, as that end sees it. */
export interface Connection {
  /** IPv4, as the target's. */
  readonly address: string;
  readonly port: number;
  readonly target: { readonly address: string; readonly port: number };
}

/** `gone`: the process has ended, or is another one of its number. */
export type Finding = 'found' | 'absent' | 'gone';

const library = koffi.load('libc.so.6');
const socket: (domain: number, type: number, protocol: number) => number = library.func('int socket(int, int, int)');
const setNetwork: (descriptor: number, kind: number) => number = library.func('int setns(int, int)');
const send: (of: number, bytes: Uint8Array, length: number, flags: number) => number = library.func(
  'long send(int, const void *, size_t, int)',
);
const receive: (of: number, bytes: Uint8Array, length: number, flags: number) => number = library.func(
  'long recv(int, _Out_ void *, size_t, int)',
);

const [netlink, raw, closeOnExec, socketDiagnosis] = [16, 3, 0o2000000, 4];
/** `CLONE_NEWNET` and `MSG_DONTWAIT`: the answer is there when the question has been sent. */
const [networkKind, withoutWait] = [0x40000000, 0x40];
const [headerBytes, questionBytes, answerBytes] = [16, 72, 1024];
const [bySocket, request, internet, tcp] = [20, 1, 2, 6];
/** Linux also finds sockets that wait for connections, and those of connections that have ended, by which nobody asks. */
const established = 1;

/** The network of a process, by its folder in `/proc`: a number that no other has while a process is in it; null: it has ended. */
export function networkOf(processFolder: string): number | null {
  return withNetwork(processFolder, (descriptor) => fstatSync(descriptor).ino);
}

/** Whether the network of a process, which has to be this one, has a connection that neither side has ended. Throws INTERNAL where Linux does not answer. */
export function findConnection(processFolder: string, network: number, connection: Connection): Finding {
  const found = withNetwork(processFolder, (descriptor) =>
    fstatSync(descriptor).ino === network ? isAmong(descriptor, connection) : null,
  );
  if (found === null) return 'gone';
  return found ? 'found' : 'absent';
}

function withNetwork<T>(processFolder: string, look: (descriptor: number) => T): T | null {
  let descriptor: number;
  try {
    descriptor = openSync(`${processFolder}/ns/net`, 'r');
  } catch {
    return null;
  }
  try {
    return look(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function isAmong(network: number, connection: Connection): boolean {
  const asking = socketIn(network);
  try {
    const question = questionOf(connection);
    const answer = Buffer.alloc(answerBytes);
    if (send(asking, question, question.length, 0) !== question.length) throw failure('it takes no question');
    const length = receive(asking, answer, answer.length, withoutWait);
    if (length < headerBytes + 2) throw failure('it gives no answer');
    // Anything else says that there is none.
    return answer.readUInt16LE(4) === bySocket && answer[headerBytes + 1] === established;
  } finally {
    closeSync(asking);
  }
}

/** A socket stays in the network in which it was made: this thread is there for that moment, in which nothing else runs in it. */
function socketIn(network: number): number {
  const own = openSync('/proc/thread-self/ns/net', 'r');
  try {
    if (setNetwork(network, networkKind) !== 0) throw failure('its network cannot be entered');
    const made = socket(netlink, raw | closeOnExec, socketDiagnosis);
    // Whatever this process did from now on it would do as a tenant.
    if (setNetwork(own, networkKind) !== 0) process.abort();
    if (made < 0) throw failure('there is no such socket');
    return made;
  } finally {
    closeSync(own);
  }
}

/** A header (nlmsghdr), and which socket is meant (inet_diag_req_v2). */
function questionOf({ address, port, target }: Connection): Buffer {
  const bytes = Buffer.alloc(questionBytes);
  bytes.writeUInt32LE(questionBytes, 0);
  bytes.writeUInt16LE(bySocket, 4);
  bytes.writeUInt16LE(request, 6);
  bytes.set([internet, tcp], headerBytes);
  bytes.writeUInt32LE(0xffffffff, 20);
  bytes.writeUInt16BE(port, 24);
  bytes.writeUInt16BE(target.port, 26);
  bytes.set(address.split('.').map(Number), 28);
  bytes.set(target.address.split('.').map(Number), 44);
  // On any interface, and whichever socket it is.
  bytes.writeUInt32LE(0, 60);
  bytes.fill(0xff, 64);
  return bytes;
}

const failure = (what: string): KerneletError =>
  new KerneletError('INTERNAL', `sockets of a kernel cannot be looked for: ${what} (errno ${koffi.errno()})`);
