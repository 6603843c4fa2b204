/** A connection of the agent's, as frames. */
import type { Socket } from 'node:net';
import { type AgentFrameHeader, parseAgentFrameHeader } from '../protocol/agent-frames.ts';
import { encodeFrame, FrameDecoder, FrameError } from '../protocol/frame.ts';
import type { RunnerFrameHeader, SentEventHeader } from '../protocol/runner-frames.ts';

/** Above this the sender of events and files waits. */
const busyBytes = 1024 * 1024;
/** An agent that asks and does not read is cut off. */
const maxUnreadBytes = 16 * 1024 * 1024;

/** Who takes the frames. What it throws ends the connection. */
export type FrameReceiver = (header: AgentFrameHeader, body: Uint8Array) => void;

/** Reads and writes frames with bounds on what waits in both directions. */
export class FrameSocket {
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder();
  #receive: FrameReceiver = () => {};
  #drained: () => void = () => {};
  #closed: (reason: string) => void = () => {};
  #reason = '';

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('drain', () => this.#drained());
    socket.on('error', (error) => {
      this.#reason = error.message;
    });
    socket.on('close', () => this.#closed(this.#reason));
  }

  /** Sets who takes the frames. */
  onFrame(receive: FrameReceiver): void {
    this.#receive = receive;
  }

  /** Calls back when the peer has caught up after `busy`. */
  onDrain(callback: () => void): void {
    this.#drained = callback;
  }

  /** Calls back once when the connection has ended. */
  onClose(callback: (reason: string) => void): void {
    this.#closed = callback;
  }

  /** Whether the peer is behind. */
  get busy(): boolean {
    return this.#socket.writableLength >= busyBytes;
  }

  /** Whether more should be sent when it has drained: sooner than `busy`, for senders of whom there may be many. */
  get full(): boolean {
    return this.#socket.writableNeedDrain;
  }

  get open(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  send(header: RunnerFrameHeader | SentEventHeader, body?: Uint8Array): void {
    if (!this.open) return;
    if (this.#socket.writableLength > maxUnreadBytes) {
      this.close('the peer does not read');
      return;
    }
    this.#socket.cork();
    for (const piece of encodeFrame(header, body)) this.#socket.write(piece);
    this.#socket.uncork();
  }

  /** Stops and goes on taking frames; those of a chunk that has been read still come. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Sends what is left and closes. */
  end(): void {
    this.#socket.end();
  }

  close(reason: string): void {
    this.#reason ||= reason;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    try {
      for (const { header, body } of this.#decoder.push(chunk)) {
        if (!this.open) return;
        this.#receive(parseAgentFrameHeader(header), body);
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.send({ t: 'refused', reason: 'form', text: error.message });
      this.#socket.end();
      this.#socket.destroySoon();
      this.#reason ||= error.message;
    }
  }
}
