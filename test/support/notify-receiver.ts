/** The other side of a notify socket, as a service manager has it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { koffi } from '../../src/lib/foreign-functions.ts';

const library = koffi.load('libc.so.6');
const socket = library.func('int socket(int, int, int)');
const bind = library.func('int bind(int, const void *, uint32_t)');
const receive = library.func('long recv(int, void *, size_t, int)');
const close = library.func('int close(int)');

const nonBlockingDatagram = 2 | 0o4000;
const pollMs = 5;

export class NotifyReceiver implements Disposable {
  /** What `$NOTIFY_SOCKET` would be. */
  readonly address: string;
  readonly #descriptor: number;
  readonly #heard: string[] = [];

  /** `address`: a path, or an abstract name behind an `@`. */
  constructor(address: string) {
    this.address = address;
    this.#descriptor = socket(1, nonBlockingDatagram, 0);
    const name = Buffer.from(address.startsWith('@') ? `\0${address.slice(1)}` : `${address}\0`);
    const bytes = Buffer.concat([Uint8Array.of(1, 0), name]);
    if (bind(this.#descriptor, bytes, bytes.length) !== 0) throw new Error(`${address} cannot be bound`);
  }

  /** Everything that has been heard so far. */
  heard(): readonly string[] {
    const bytes = Buffer.alloc(8192);
    for (;;) {
      const length = Number(receive(this.#descriptor, bytes, bytes.length, 0));
      if (length < 0) return this.#heard;
      this.#heard.push(bytes.toString('utf8', 0, length));
    }
  }

  /** Waits for a message that matches, at or behind a place among those heard; gives its place. */
  async until(form: RegExp, from = 0, timeoutMs = 30_000): Promise<number> {
    for (const limit = performance.now() + timeoutMs; performance.now() < limit; await sleep(pollMs)) {
      const place = this.heard().findIndex((message, index) => index >= from && form.test(message));
      if (place >= 0) return place;
    }
    throw new Error(`${form} was not heard in ${timeoutMs} ms: ${JSON.stringify(this.#heard)}`);
  }

  [Symbol.dispose](): void {
    close(this.#descriptor);
  }
}
