/**
 * The web terminal as a service: the runner listens on its port, which costs nothing, and reads not a byte. With the
 * first connection the terminal's server is started, gets both sockets, and listens itself until it ends.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { type Clock, sleep } from '../../lib/clock.ts';
import { listen } from '../../lib/listen.ts';
import { kernelVariables } from '../../protocol/image-contract.ts';
import type { ServiceOutcome } from '../../protocol/kernel-services.ts';
import type { Tenant } from '../tenant.ts';
import type { TenantProcess } from '../tenant-process.ts';
import type { TerminalOptions } from '../terminal/terminal-server.ts';
import { smallProgram, volumePaths } from '../volume-paths.ts';
import { isPortOpen } from './service-process.ts';
import type { BuiltInService } from './services.ts';

const pauseMs = 1000;
const stopGraceMs = 2000;

/** What the terminal needs of the runner. */
export interface TerminalServiceParts {
  readonly port: number;
  readonly tenant: Tenant;
  readonly clock: Clock;
  /** A login shell with its arguments. */
  readonly shell: readonly string[];
  /** Whether its port is published for this machine alone. */
  readonly isLocal: boolean;
}

/** Both sockets and servers have a descriptor, which Node's types do not show. */
type WithHandle = { readonly _handle?: { readonly fd?: number } };

function descriptorOf(socket: Server | Socket): number {
  const descriptor = (socket as unknown as WithHandle)._handle?.fd;
  if (descriptor === undefined || descriptor < 0) throw new Error('a socket has no descriptor');
  return descriptor;
}

/** Listens in place of the terminal's server until somebody connects. */
export class TerminalService implements BuiltInService {
  readonly #parts: TerminalServiceParts;
  #listening: Server | null = null;
  #process: TenantProcess | null = null;
  /** Aborted when it is not wanted any more; null = it is not wanted. */
  #wanted: AbortController | null = null;

  constructor(parts: TerminalServiceParts) {
    this.#parts = parts;
  }

  async start(): Promise<ServiceOutcome> {
    if (this.#wanted) return { status: 'running' };
    const wanted = new AbortController();
    this.#wanted = wanted;
    try {
      const { port } = this.#parts;
      if (await isPortOpen(port)) throw new Error(`port ${port} is in use by another program`);
      await this.#listen(wanted.signal);
      return { status: 'started' };
    } catch (error) {
      this.#wanted = null;
      return { status: 'failed', error: error instanceof Error ? error.message : String(error) };
    }
  }

  async stop(): Promise<void> {
    this.#wanted?.abort();
    this.#wanted = null;
    this.#listening?.close();
    this.#listening = null;
    const process = this.#process;
    if (!process) return;
    process.signal('SIGTERM');
    using _timer = this.#parts.clock.after(stopGraceMs, () => void process.signal('SIGKILL'));
    await process.exited;
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const server = createServer({ pauseOnConnect: true });
    await listen(server, { host: '0.0.0.0', port: this.#parts.port });
    if (signal.aborted) {
      server.close();
      return;
    }
    this.#listening = server;
    server.once('connection', (socket) => {
      void this.#serve(server, socket, signal);
    });
  }

  /** Never rejects. The child has both sockets when it has been started; ours are closed. */
  async #serve(server: Server, first: Socket, signal: AbortSignal): Promise<void> {
    const { tenant } = this.#parts;
    try {
      const argv = smallProgram(volumePaths.terminal);
      const stdio = ['pipe', 'ignore', 'pipe', descriptorOf(server), descriptorOf(first)] as const;
      const process = tenant.spawnBare(argv, { UV_THREADPOOL_SIZE: '1' }, [...stdio]);
      this.#process = process;
      this.#configure(process);
    } catch (error) {
      tenant.log.line('WARN', `the terminal cannot be started: ${String(error)}`);
    }
    first.destroy();
    server.close();
    this.#listening = null;
    const { exitCode, notStarted } = (await this.#process?.exited) ?? { exitCode: 1, notStarted: null };
    this.#process = null;
    if (exitCode !== 0 && !signal.aborted)
      tenant.log.line('WARN', `the terminal ended: ${notStarted ?? `status ${exitCode}`}`);
    await this.#listenAgain(signal, exitCode === 0 ? 0 : pauseMs);
  }

  /** A tenant may have taken the port meanwhile: it is tried until it is free. */
  async #listenAgain(signal: AbortSignal, firstPauseMs: number): Promise<void> {
    for (let pause = firstPauseMs; !signal.aborted; pause = pauseMs) {
      try {
        if (pause > 0) await sleep(this.#parts.clock, pause, signal);
        await this.#listen(signal);
        return;
      } catch {
        // The port is not free yet.
      }
    }
  }

  /** Sends it its options, and copies what it complains of to the log. */
  #configure(process: TenantProcess): void {
    const { tenant, shell, isLocal } = this.#parts;
    const [input, errors] = [process.duplex(0), process.duplex(2)];
    input?.on('error', () => {
      // How the process ends says what was wrong.
    });
    const environ = { ...tenant.environ, SHELL: shell[0] ?? '' };
    const title = tenant.environ[kernelVariables.sessionName] ?? 'Terminal';
    const options: TerminalOptions = {
      argv: shell,
      launcher: volumePaths.shell,
      environ,
      folder: tenant.home,
      title,
      isLocal,
    };
    input?.end(JSON.stringify(options));
    errors?.on('error', () => {});
    errors?.on('data', (bytes: Buffer) => tenant.log.copy(bytes));
  }
}
