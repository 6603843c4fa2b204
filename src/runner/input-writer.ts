/** Writes to the standard input of a tenant's program; a writer is done when the pipe has taken its bytes. */
import { Socket } from 'node:net';

/** The writer. It owns the descriptor. */
export class InputWriter implements Disposable {
  readonly #socket: Socket;
  #open = true;

  constructor(descriptor: number) {
    this.#socket = new Socket({ fd: descriptor, readable: false, writable: true });
    const close = (): void => {
      this.#open = false;
    };
    this.#socket.on('error', close);
    this.#socket.on('close', close);
  }

  /** Whether the program can still be given input. */
  get open(): boolean {
    return this.#open;
  }

  /** Resolves when the pipe has taken the bytes, with whether it did: false = the program doesn't read any more. */
  write(bytes: Uint8Array): Promise<boolean> {
    if (!this.#open) return Promise.resolve(false);
    if (bytes.length === 0) return Promise.resolve(true);
    return new Promise((resolve) => this.#socket.write(bytes, (error) => resolve(!error && this.#open)));
  }

  /** Tells the program that there is no more, after what was written. */
  end(): void {
    this.#open = false;
    this.#socket.end();
  }

  [Symbol.dispose](): void {
    this.#open = false;
    this.#socket.destroy();
  }
}
