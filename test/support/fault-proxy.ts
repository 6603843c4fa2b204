/**
 * A proxy in front of the engine's socket that makes chosen calls go wrong, in the ways in which engines do. Everything
 * else passes through it unchanged, streams included; connection upgrades are not supported.
 */
import { rm } from 'node:fs/promises';
import http from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * How a call goes wrong. `error`: refused with a status, not forwarded. `hang`: not forwarded, never answered. `delay`:
 * forwarded late. `lose-reply`: forwarded and done, but the connection is cut instead of the reply. `truncate`: the
 * connection is cut after the head and `bytes` bytes of the body.
 */
export type Fault =
  | { readonly kind: 'error'; readonly status: number; readonly message?: string }
  | { readonly kind: 'hang' }
  | { readonly kind: 'delay'; readonly delayMs: number }
  | { readonly kind: 'lose-reply' }
  | { readonly kind: 'truncate'; readonly bytes: number };

/** Which calls a fault is for. */
export interface FaultRule {
  readonly method?: string;
  /** Matches the path without version prefix and query: `/containers/abc/start`. */
  readonly path: RegExp;
  readonly fault: Fault;
  /** How many calls go wrong; all of them when absent. */
  readonly times?: number;
}

/** A planted rule; disposing takes it out. */
export interface PlantedFault extends Disposable {
  /** How many calls went wrong by it so far. */
  readonly hits: number;
}

/** The proxy. Dispose it to close the socket and every connection. */
export class FaultProxy implements AsyncDisposable {
  readonly socketPath: string;
  #target: string;
  readonly #server: http.Server;
  readonly #rules = new Set<{ rule: FaultRule; hits: number }>();
  readonly #stopped = new AbortController();

  private constructor(target: string, socketPath: string) {
    this.#target = target;
    this.socketPath = socketPath;
    this.#server = http.createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    this.#server.requestTimeout = 0;
  }

  /** Listens at `socketPath` and passes calls to the socket `target`. */
  static async start(target: string, socketPath: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(target, socketPath);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(socketPath, resolve);
    });
    return proxy;
  }

  /** As in `DOCKER_HOST`. */
  get dockerHost(): string {
    return `unix://${this.socketPath}`;
  }

  /** Plants a rule. The newest matching rule counts. */
  plant(rule: FaultRule): PlantedFault {
    const planted = { rule, hits: 0 };
    this.#rules.add(planted);
    return {
      get hits() {
        return planted.hits;
      },
      [Symbol.dispose]: () => void this.#rules.delete(planted),
    };
  }

  /** Cuts every connection, as a restart of the engine does; new ones are served. */
  cutConnections(): void {
    this.#server.closeAllConnections();
  }

  /** Passes calls to another socket from now on, and cuts every connection. */
  redirect(target: string): void {
    this.#target = target;
    this.cutConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
    await rm(this.socketPath, { force: true });
  }

  #fault(request: http.IncomingMessage): Fault | undefined {
    const path = (request.url ?? '').replace(/\?.*$/s, '').replace(/^\/v\d+\.\d+(?=\/)/, '');
    const matching = [...this.#rules].filter(({ rule, hits }) => {
      const due = rule.times === undefined || hits < rule.times;
      return due && (rule.method ?? request.method) === request.method && rule.path.test(path);
    });
    const planted = matching.at(-1);
    if (planted) planted.hits += 1;
    return planted?.rule.fault;
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const fault = this.#fault(request);
    switch (fault?.kind) {
      case 'error':
        request.resume();
        response.writeHead(fault.status, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify({ message: fault.message ?? 'planted failure' }));
        return;
      case 'hang':
        request.resume();
        return;
      case 'delay':
        await sleep(fault.delayMs, undefined, { signal: this.#stopped.signal });
        return await this.#forward(request, response);
      case 'lose-reply': {
        const reply = await this.#call(request, this.#stopped.signal);
        for await (const _ of reply) {
          // The engine is done when its reply has ended.
        }
        request.socket.destroy();
        return;
      }
      case 'truncate':
        return await this.#forward(request, response, fault.bytes);
      case undefined:
        return await this.#forward(request, response);
    }
  }

  /** Passes a call on; with `limit`, only so many bytes of the reply's body. */
  async #forward(request: http.IncomingMessage, response: http.ServerResponse, limit?: number): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const reply = await this.#call(request, AbortSignal.any([gone.signal, this.#stopped.signal]));
    response.writeHead(reply.statusCode ?? 502, reply.headers);
    response.flushHeaders();
    if (limit === undefined) return await pipeline(reply, response);
    let left = limit;
    for await (const chunk of reply) {
      const part: Uint8Array = chunk.subarray(0, left);
      left -= part.length;
      await new Promise((resolve) => response.write(part, resolve));
      if (left === 0) break;
    }
    request.socket.destroy();
  }

  #call(request: http.IncomingMessage, signal: AbortSignal): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { method, url } = request;
      // An engine that closes the connection after an early reply would make Node's last, empty write fail.
      const headers = { ...request.headers, connection: 'keep-alive' };
      const agent = new http.Agent({ keepAlive: false });
      const options = { socketPath: this.#target, agent, signal, method, path: url, headers };
      const call = http.request(options, resolve);
      call.on('error', reject);
      pipeline(request, call).catch(reject);
    });
  }
}
