/** A server that a test starts on ports and in a folder of its own, and can stop, kill, freeze and start again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How to start a server. */
export interface ServerOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Whether it answers; asked until it does. May throw for no. */
  readonly ready: () => Promise<boolean>;
}

/** Ports that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('a listening server has no port');
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** A folder that is gone with the test. */
export async function ownFolder(prefix: string): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), `kernelet-${prefix}-`));
  return { path: folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

export class ServerProcess implements AsyncDisposable {
  readonly #options: ServerOptions;
  #child: ChildProcess | null = null;
  #output = '';

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  /** Starts it and waits until it answers. */
  async start(): Promise<void> {
    const child = spawn(this.#options.command, this.#options.args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-4000);
      });
    }
    for (let attempt = 0; attempt < 300; attempt += 1) {
      if (child.exitCode !== null) break;
      if (await this.#options.ready().catch(() => false)) return;
      await sleep(50);
    }
    throw new Error(`${this.#options.command} did not get ready: ${this.#output}`);
  }

  /** Kills it and waits until it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    child.kill('SIGCONT');
    await exited;
  }

  /** Stops all of its threads: connections stay open and nothing answers. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
