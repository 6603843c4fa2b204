/** A connection of the agent's for one connection to a port in the kernel: bytes both ways, each direction ended for itself. */
import type { Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import type { AgentFrameHeader } from '../../protocol/agent-frames.ts';
import { maxBodyBytes } from '../../protocol/frame.ts';
import { outputPassed } from '../collect-garbage.ts';
import { toRunnerError } from '../control-connection.ts';
import type { FrameSocket } from '../frame-socket.ts';
import { connectToPort } from './connect-to-port.ts';

type Request = Extract<AgentFrameHeader, { t: 'request' }>;

/** Takes the request for a port, carries what comes, and closes when both sides have ended. */
export class PortConnection {
  readonly #socket: FrameSocket;
  readonly #clock: Clock;
  readonly #closed = new AbortController();
  #target: Socket | null = null;
  #started = false;
  #ended = false;

  constructor(socket: FrameSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.onFrame((header, body) => this.#receive(header, body));
    socket.onDrain(() => this.#target?.resume());
    socket.onClose(() => {
      this.#closed.abort();
      this.#target?.destroy();
    });
  }

  #receive(header: AgentFrameHeader, body: Uint8Array): void {
    const target = this.#target;
    if (header.t === 'request' && header.method === 'connect' && !this.#started) {
      this.#started = true;
      void this.#begin(header.id, header.params.port);
    } else if (header.t === 'data' && target && !this.#ended) {
      if (!target.write(body)) this.#socket.pause();
    } else if (header.t === 'end' && target && !this.#ended) {
      this.#ended = true;
      target.end();
    } else this.#socket.close(`unexpected frame: ${header.t}`);
  }

  async #begin(id: Request['id'], port: number): Promise<void> {
    try {
      const target = await connectToPort(port, this.#clock, this.#closed.signal);
      this.#target = target;
      this.#relay(target);
      this.#socket.send({ t: 'reply', id, ok: true, result: null });
    } catch (error) {
      this.#socket.send({ t: 'reply', id, ok: false, error: toRunnerError(error) });
      this.#socket.end();
    }
  }

  #relay(target: Socket): void {
    target.setNoDelay(true);
    target.on('drain', () => this.#socket.resume());
    target.on('data', (chunk: Buffer) => {
      outputPassed(chunk.length);
      for (let at = 0; at < chunk.length; at += maxBodyBytes) {
        this.#socket.send({ t: 'data' }, chunk.subarray(at, at + maxBodyBytes));
      }
      if (this.#socket.full) target.pause();
    });
    target.on('end', () => this.#socket.send({ t: 'end' }));
    // Without the `end` of both directions the agent knows that it broke.
    target.on('error', (error) => this.#socket.close(error.message));
    target.on('close', () => this.#socket.end());
    if (this.#closed.signal.aborted) target.destroy();
  }
}
