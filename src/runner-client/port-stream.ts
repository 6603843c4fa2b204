/**
 * A connection to a port in a kernel, as a stream: what is written goes to the port, what the port sends is read, and either
 * side may end its direction first. A side that does not read makes the other wait; a connection that breaks in the kernel ends
 * the stream with CONNECTION_LOST.
 */
import { addAbortListener } from 'node:events';
import { Duplex } from 'node:stream';
import type { Clock } from '../lib/clock.ts';
import { KerneletError, toKerneletError } from '../lib/errors.ts';
import { FrameError, maxBodyBytes } from '../protocol/frame.ts';
import type { RunnerFrameHeader } from '../protocol/runner-frames.ts';
import type { Connection } from './connection.ts';
import { parseResult } from './message-guards.ts';
import { connectionLost, fromRunner } from './runner-errors.ts';

/** More than the runner's own wait, so that its reason comes first. */
const connectMs = 15_000;
/** Bytes that wait for the reader before the port is made to wait. */
const highWaterMark = 256 * 1024;

interface PortOptions {
  /** The caller's: ends the wait for the connection. */
  readonly signal: AbortSignal;
  /** Aborts when the kernel has ended: ends the stream as well. */
  readonly over: AbortSignal;
  readonly clock: Clock;
}

/**
 * Asks for the port and resolves when it is connected to. Rejects with PORT_CLOSED, PORT_FAILED, CONNECTION_LOST,
 * DEADLINE_EXCEEDED, PROTOCOL_ERROR, or the signal's reason; the connection is closed then.
 */
export async function openPort(connection: Connection, port: number, options: PortOptions): Promise<Duplex> {
  const { signal, over, clock } = options;
  const stream = new PortStream(connection);
  const late = new KerneletError('DEADLINE_EXCEEDED', `the connection to port ${port} took ${connectMs} ms and more`);
  using _timer = clock.after(connectMs, () => stream.destroy(late));
  using _listener = addAbortListener(signal, () => stream.destroy(toKerneletError(signal.reason)));
  try {
    signal.throwIfAborted();
    connection.send({ t: 'request', id: 1, method: 'connect', params: { port } });
    await stream.opened;
    const listener = addAbortListener(over, () => stream.destroy(toKerneletError(over.reason)));
    stream.once('close', () => listener[Symbol.dispose]());
    return stream;
  } catch (thrown) {
    stream.destroy();
    throw signal.aborted ? signal.reason : thrown;
  }
}

class PortStream extends Duplex {
  /** Resolves when the port is connected to. */
  readonly opened: Promise<void>;
  readonly #connection: Connection;
  readonly #open = Promise.withResolvers<void>();
  #isOpen = false;
  #ended = false;

  constructor(connection: Connection) {
    super({ allowHalfOpen: true, highWaterMark });
    this.#connection = connection;
    this.opened = this.#open.promise;
    this.opened.catch(() => {}); // It may fail after nobody waits any more.
    // Whoever takes the stream listens; until then nobody does.
    this.on('error', (error) => this.#open.reject(error));
    void connection.closed.then((error) => {
      // The runner closes when both directions have ended; what waits for the reader is read all the same.
      if (!this.#ended || !this.writableFinished) this.destroy(error);
    });
    connection.deliverTo((header, body) => this.#take(header, body));
  }

  override _read(): void {
    this.#connection.resume();
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error) => void): void {
    for (let at = 0; at < chunk.length; at += maxBodyBytes) {
      this.#connection.send({ t: 'data' }, chunk.subarray(at, at + maxBodyBytes));
    }
    void this.#connection.drained().then(() => callback());
  }

  override _final(callback: () => void): void {
    this.#connection.send({ t: 'end' });
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#open.reject(error ?? connectionLost('was closed'));
    this.#connection.close(toKerneletError(error ?? connectionLost('was closed: nobody needs the port any more')));
    callback(error);
  }

  #take(header: RunnerFrameHeader, body: Uint8Array): void {
    if (header.t === 'reply' && header.id === 1 && !this.#isOpen) {
      if (!header.ok) throw fromRunner(header.error);
      parseResult('connect', header.result);
      this.#isOpen = true;
      this.#open.resolve();
    } else if (header.t === 'data' && this.#isOpen && !this.#ended) {
      const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
      if (bytes.length > 0 && !this.push(bytes)) this.#connection.pause();
    } else if (header.t === 'end' && this.#isOpen && !this.#ended) {
      this.#ended = true;
      this.push(null);
      // A paused socket would not tell of its end.
      this.#connection.resume();
    } else {
      throw new FrameError(`a connection to a port is answered with ${header.t}`);
    }
  }
}
