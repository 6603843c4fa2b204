/** Requests to an agent inside this process. */
import type { LocalAgent } from './host.ts';
import type { ApiRequest, ApiResponse, Transport } from './transport.ts';

/** Speaks to a local agent; disposing it disposes the agent. */
export class LocalTransport implements Transport {
  readonly #agent: LocalAgent;

  constructor(agent: LocalAgent) {
    this.#agent = agent;
  }

  async send(request: ApiRequest): Promise<ApiResponse> {
    const { body } = request;
    const init: RequestInit & { duplex?: 'half' } = {
      method: request.method,
      headers: { ...request.headers },
    };
    if (typeof body === 'function') {
      init.body = ReadableStream.from(body());
      init.duplex = 'half';
    } else if (body) {
      init.body = new Uint8Array(body);
    }
    request.signal?.throwIfAborted();
    const response = await this.#agent.fetch(new Request(`http://kernelet${request.path}`, init), request.signal);
    request.signal?.throwIfAborted();
    return {
      status: response.status,
      header: (name) => response.headers.get(name) ?? undefined,
      body: response.body ?? emptyBody(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent[Symbol.asyncDispose]();
  }
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}
