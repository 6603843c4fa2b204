/**
 * ZMTP 3.0, the bytes of ZeroMQ's sockets, as either side with the NULL mechanism speaks it (https://rfc.zeromq.org/spec/23).
 * Pure. Every length comes from the peer, so each is held against a bound before anything is kept for it.
 */

/** The peer does not speak ZMTP 3, or not as we do. */
export class ZmtpError extends Error {}

/** What the bytes of a peer come to. */
export type ZmtpEvent =
  /** The peer's greeting is complete, and it waits for our `ready`. */
  | { readonly kind: 'greeted' }
  /** Messages may go from now on. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'message'; readonly frames: readonly Buffer[] }
  /** A message over the bounds was left out. `bytes`: of all its frames. */
  | { readonly kind: 'left-out'; readonly bytes: number }
  | { readonly kind: 'ping'; readonly context: Buffer };

/** What one message may have at most, with all its frames. */
export interface MessageBounds {
  readonly bytes: number;
  readonly frames: number;
}

const maxCommandBytes = 64 * 1024;

const greetingBytes = 64;
const moreFlag = 1;
const longFlag = 2;
const commandFlag = 4;
const mechanism = 'NULL';

/** The first bytes of either side: the signature, version 3.0, the mechanism, and that we are no server of it. */
export function greeting(): Buffer {
  const bytes = Buffer.alloc(greetingBytes);
  bytes[0] = 0xff;
  bytes[9] = 0x7f;
  bytes[10] = 3;
  bytes.write(mechanism, 12, 'latin1');
  return bytes;
}

/** Ends the handshake: which kind of socket this is, and the name by which a router knows it. */
export function readyCommand(socketType: string, identity: string): Buffer {
  return command('READY', Buffer.concat([property('Socket-Type', socketType), property('Identity', identity)]));
}

/** Answers a `ping`. */
export const pongCommand = (context: Buffer): Buffer => command('PONG', context);

/** Has a publisher send everything. */
export const subscribeToAll = (): Buffer => messageOf([Buffer.from([1])]);

/** A message of one frame or more. */
export function messageOf(frames: readonly Uint8Array[]): Buffer {
  const last = frames.length - 1;
  return Buffer.concat(
    frames.flatMap((frame, index) => [frameHeader(index < last ? moreFlag : 0, frame.length), frame]),
  );
}

function command(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from([name.length]), Buffer.from(name, 'latin1'), data]);
  return Buffer.concat([frameHeader(commandFlag, body.length), body]);
}

function property(name: string, value: string): Buffer {
  const bytes = Buffer.from(value);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(bytes.length);
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name, 'latin1'), size, bytes]);
}

function frameHeader(flags: number, size: number): Buffer {
  if (size < 256) return Buffer.from([flags, size]);
  const header = Buffer.alloc(9);
  header[0] = flags | longFlag;
  header.writeBigUInt64BE(BigInt(size), 1);
  return header;
}

/** What the conversation needs next: so many bytes, or so many to be thrown away. */
type Wanted = { readonly bytes: number } | { readonly skip: number };
const none = Buffer.alloc(0);

/** Reads what a peer sends, however it is cut. */
export class ZmtpReader {
  readonly #events: ZmtpEvent[] = [];
  readonly #conversation: Generator<Wanted, never, Buffer>;
  #wanted: Wanted;
  readonly #gathered = new GrowingBuffer();
  #skipped = 0;

  constructor(bounds: MessageBounds) {
    this.#conversation = conversation(bounds, (event) => this.#events.push(event));
    this.#wanted = this.#conversation.next(none).value;
  }

  /** Takes bytes and returns what they complete. Throws ZmtpError; nothing can be read after that. */
  push(chunk: Buffer): ZmtpEvent[] {
    let rest = chunk;
    do {
      rest = 'skip' in this.#wanted ? this.#skip(this.#wanted.skip, rest) : this.#gather(this.#wanted.bytes, rest);
    } while (rest.length > 0);
    return this.#events.splice(0);
  }

  #gather(size: number, chunk: Buffer): Buffer {
    const missing = size - this.#gathered.length;
    if (chunk.length < missing) {
      this.#gathered.append(chunk, size);
      return none;
    }
    const part = chunk.subarray(0, missing);
    if (this.#gathered.length === 0) this.#goOn(part);
    else {
      this.#gathered.append(part, size);
      this.#goOn(this.#gathered.take());
    }
    return chunk.subarray(missing);
  }

  #skip(size: number, chunk: Buffer): Buffer {
    const part = Math.min(size - this.#skipped, chunk.length);
    this.#skipped += part;
    if (this.#skipped === size) {
      this.#skipped = 0;
      this.#goOn(none);
    }
    return chunk.subarray(part);
  }

  #goOn(bytes: Buffer): void {
    this.#wanted = this.#conversation.next(bytes).value;
    while ('bytes' in this.#wanted && this.#wanted.bytes === 0) this.#wanted = this.#conversation.next(none).value;
  }
}

/** What a peer may say, in its order. */
function* conversation(bounds: MessageBounds, emit: (event: ZmtpEvent) => void): Generator<Wanted, never, Buffer> {
  checkGreeting(yield { bytes: greetingBytes });
  emit({ kind: 'greeted' });
  let isReady = false;
  let message = new MessageParts(bounds);
  for (;;) {
    const flags = (yield { bytes: 1 }).readUInt8();
    const size = flags & longFlag ? Number((yield { bytes: 8 }).readBigUInt64BE()) : (yield { bytes: 1 }).readUInt8();
    if (!Number.isSafeInteger(size)) throw new ZmtpError('a frame has an impossible length');
    if (flags & commandFlag) {
      if (size > maxCommandBytes) throw new ZmtpError(`a command has ${size} bytes`);
      const { name, data } = readCommand(yield { bytes: size });
      if (name === 'READY') {
        isReady = true;
        emit({ kind: 'ready' });
      } else if (name === 'ERROR') throw new ZmtpError(`the peer refuses: ${data.toString('latin1', 1, 200)}`);
      else if (name === 'PING') emit({ kind: 'ping', context: data.subarray(2) });
    } else {
      if (!isReady) throw new ZmtpError('a message comes before the handshake is over');
      if (message.takes(size)) message.add(yield { bytes: size });
      else if (size > 0) yield { skip: size };
      if (!(flags & moreFlag)) {
        emit(message.event());
        message = new MessageParts(bounds);
      }
    }
  }
}

function checkGreeting(bytes: Buffer): void {
  if (bytes[0] !== 0xff || bytes[9] !== 0x7f) throw new ZmtpError('the peer does not speak ZMTP');
  const major = bytes.readUInt8(10);
  if (major < 3) throw new ZmtpError(`the peer speaks version ${major} of ZMTP`);
  const name = bytes.toString('latin1', 12, 32).replace(/\0+$/, '');
  if (name !== mechanism) throw new ZmtpError(`the peer wants the mechanism ${JSON.stringify(name)}`);
}

function readCommand(body: Buffer): { readonly name: string; readonly data: Buffer } {
  const end = 1 + (body[0] ?? 0);
  if (body.length < end) throw new ZmtpError('a command has no name');
  return { name: body.toString('latin1', 1, end), data: body.subarray(end) };
}

/** The frames of one message, as long as they keep within the bounds. */
class MessageParts {
  readonly #bounds: MessageBounds;
  readonly #frames: Buffer[] = [];
  #bytes = 0;
  #fits = true;

  constructor(bounds: MessageBounds) {
    this.#bounds = bounds;
  }

  /** Counts a frame; whether it is to be kept. */
  takes(size: number): boolean {
    this.#bytes += size;
    this.#fits &&= this.#bytes <= this.#bounds.bytes && this.#frames.length < this.#bounds.frames;
    if (!this.#fits) this.#frames.length = 0;
    return this.#fits;
  }

  add(frame: Buffer): void {
    this.#frames.push(frame);
  }

  event(): ZmtpEvent {
    return this.#fits ? { kind: 'message', frames: this.#frames } : { kind: 'left-out', bytes: this.#bytes };
  }
}

const firstPiece = 64 * 1024;

/** Grows with what comes, not with what was announced. */
class GrowingBuffer {
  #bytes = none;
  length = 0;

  append(part: Buffer, finalSize: number): void {
    const needed = this.length + part.length;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.min(finalSize, Math.max(needed, 2 * this.#bytes.length, firstPiece)));
      this.#bytes.copy(grown, 0, 0, this.length);
      this.#bytes = grown;
    }
    part.copy(this.#bytes, this.length);
    this.length = needed;
  }

  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.length);
    this.#bytes = none;
    this.length = 0;
    return taken;
  }
}
