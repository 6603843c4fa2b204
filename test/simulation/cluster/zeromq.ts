/** Stands in for the package `zeromq` in a simulated world: a socket that is bound and that nobody calls. */

/** What the agent makes sockets in. */
export class Context {}

/** Events of a socket, of which there are none. */
class NoEvents {
  readonly #ended = Promise.withResolvers<void>();
  closed = false;

  close(): void {
    this.closed = true;
    this.#ended.resolve();
  }

  [Symbol.asyncIterator](): AsyncIterator<never> {
    const end = { done: true as const, value: undefined };
    return { next: () => this.#ended.promise.then(() => end) };
  }
}

/** A socket for many peers. */
export class Router {
  readonly events = new NoEvents();
  lastEndpoint: string | null = null;
  closed = false;
  readonly #closing = Promise.withResolvers<never>();

  constructor() {
    this.#closing.promise.catch(() => {});
  }

  async bind(endpoint: string): Promise<void> {
    this.lastEndpoint = endpoint;
  }

  receive(): Promise<never> {
    return this.#closing.promise;
  }

  close(): void {
    this.closed = true;
    this.#closing.reject(new Error('the socket is closed'));
  }
}
