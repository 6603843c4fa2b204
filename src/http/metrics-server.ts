/** `/metrics` over TCP, for a Prometheus that doesn't reach the API's socket. Nothing else is served there. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Agent } from '../agent/agent.ts';
import { expositionType } from '../agent/metrics/exposition.ts';
import type { HostPort } from '../config/settings.ts';
import { KerneletError } from '../lib/errors.ts';
import { listen } from '../lib/listen.ts';
import type { Logger } from '../lib/log.ts';

const maxConnections = 16;
const maxHeaderBytes = 8 * 1024;
const requestTimeoutMs = 10_000;
const scrapeTimeoutMs = 30_000;

/** A listening server; disposing it closes its connections. */
export interface MetricsServer extends AsyncDisposable {
  readonly address: HostPort;
}

/** Listens. Throws STATE_UNUSABLE when the address can't be had. */
export async function startMetricsServer(
  agent: Pick<Agent, 'exposition'>,
  { host, port }: HostPort,
  log: Logger,
): Promise<MetricsServer> {
  const stopping = new AbortController();
  const server = createServer(
    { maxHeaderSize: maxHeaderBytes, requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs },
    async (request, response) => {
      const [path] = (request.url ?? '').split('?');
      if (path !== '/metrics' || (request.method !== 'GET' && request.method !== 'HEAD')) {
        response.writeHead(path === '/metrics' ? 405 : 404, { 'content-type': 'text/plain' }).end('see /metrics\n');
        return;
      }
      const left = new AbortController();
      response.once('close', () => left.abort());
      const signal = AbortSignal.any([left.signal, stopping.signal, AbortSignal.timeout(scrapeTimeoutMs)]);
      try {
        response.setHeader('content-type', expositionType);
        if (request.method === 'GET') {
          for await (const piece of agent.exposition(signal)) {
            signal.throwIfAborted();
            if (!response.write(piece)) await once(response, 'drain', { signal });
          }
        }
        response.end();
      } catch (error) {
        if (!left.signal.aborted) log.warn('a scrape of metrics failed', { error });
        response.destroy();
      }
    },
  );
  server.maxConnections = maxConnections;
  await listen(server, { host, port }).catch((cause: Error) => {
    const text = `cannot serve metrics on ${host}:${port}: ${cause.message}; choose another metrics.listen`;
    throw new KerneletError('STATE_UNUSABLE', text, { cause });
  });
  const bound = server.address();
  return {
    address: { host, port: typeof bound === 'object' && bound !== null ? bound.port : port },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
