/**
 * A proxy in front of the engine's socket that remembers the body of every creation of a kernel's container and when the
 * engine answered each start of one: so the same body can be sent bare in the same run.
 */
import { createServer, request, type Server } from 'node:http';
import { connect } from 'node:net';

/** Changes the body of a creation on its way to the engine. */
export type Rewrite = (body: Record<string, unknown>) => unknown;

/** A container that went through the proxy. */
export interface RecordedCreation {
  readonly path: string;
  readonly body: unknown;
  readonly at: number;
}

export class RecordingProxy implements AsyncDisposable {
  readonly creations: RecordedCreation[] = [];
  /** Monotonic time of the newest reply to a start. */
  lastStartReply = 0;
  readonly #server: Server;
  readonly #kernels = new Set<string>();

  constructor(enginePath: string, rewrite: Rewrite | null = null) {
    this.#server = createServer((incoming, outgoing) => {
      const path = incoming.url ?? '/';
      const creating = incoming.method === 'POST' && /\/containers\/create\?name=kernel\./.test(path);
      const started = /\/containers\/([^/]+)\/start(\?|$)/.exec(path)?.[1] ?? '';
      const starting = incoming.method === 'POST' && this.#kernels.has(started);
      const chunks: Buffer[] = [];
      const { 'content-length': _length, ...others } = incoming.headers;
      // What is rewritten has another length.
      const headers = creating && rewrite ? { ...others, 'transfer-encoding': 'chunked' } : incoming.headers;
      const forwarded = request({ socketPath: enginePath, method: incoming.method, path, headers }, (reply) => {
        outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(outgoing);
        if (creating) reply.on('data', (chunk: Buffer) => this.#note(chunk.toString()));
        if (starting) reply.once('end', () => (this.lastStartReply = performance.now()));
      });
      forwarded.on('error', () => outgoing.destroy());
      outgoing.on('close', () => forwarded.destroy());
      if (creating) {
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.once('end', () => {
          const asked = JSON.parse(Buffer.concat(chunks).toString());
          const body = rewrite ? rewrite(asked) : asked;
          this.creations.push({ path, body, at: performance.now() });
          if (rewrite) forwarded.end(JSON.stringify(body));
        });
      }
      if (!(creating && rewrite)) incoming.pipe(forwarded);
    });
    this.#server.on('upgrade', (incoming, socket, head) => {
      const engine = connect(enginePath, () => {
        const headers = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${String(value)}`);
        engine.write(`${incoming.method} ${incoming.url} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
        engine.write(head);
        engine.pipe(socket).pipe(engine);
      });
      engine.on('error', () => socket.destroy());
      socket.on('error', () => engine.destroy());
    });
  }

  #note(reply: string): void {
    const id = /"Id":"([0-9a-f]{64})"/.exec(reply)?.[1];
    if (id !== undefined) this.#kernels.add(id);
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
