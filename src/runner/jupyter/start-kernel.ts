/** Starts the kernel of a kernelspec, by paths in a folder that is the tenant's alone, else by the loopback. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { listen } from '../../lib/listen.ts';
import { findProgram } from '../runtime.ts';
import { type ConnectionInfo, connectionFile } from './connection.ts';
import { Kernel, type KernelOptions, NotConnected } from './kernel.ts';
import { kernelCommand } from './kernel-command.ts';
import type { Kernelspec } from './kernelspecs.ts';

/** Given to a kernel to open its sockets as paths; one that can't, and does not end for it, begins anew after that. */
const pathsTimeoutMs = 15_000;

/** What is started, with which key, and who gets the messages. */
export interface StartOptions extends Omit<KernelOptions, 'command' | 'connection'> {
  readonly spec: Kernelspec;
  readonly environ: NodeJS.ProcessEnv;
  /** For its sockets and the connection file, until it answers: by then it has opened all and read it. */
  readonly folder: string;
  /** By which both sides sign all their messages. */
  readonly key: string;
}

/** Rejects with NotConnected. `signal` ends the patience. */
export async function startKernel(options: StartOptions, signal: AbortSignal): Promise<Kernel> {
  const { spec, environ, folder, key, clock } = options;
  const file = join(folder, 'connection.json');
  const command = kernelCommand(spec, file, environ, (program) => findProgram(program, environ['PATH'] ?? ''));
  const start = (connection: ConnectionInfo, until: AbortSignal): Promise<Kernel> => {
    writeFileSync(file, connectionFile(connection, spec.name), { mode: 0o600 });
    return Kernel.start({ ...options, command, connection }, until);
  };
  const patience = new AbortController();
  using timer = clock.after(pathsTimeoutMs, () => patience.abort());
  timer.unref();
  const ports = { shell: 1, iopub: 2, stdin: 3, control: 4, hb: 5 };
  try {
    const byPaths: ConnectionInfo = { transport: 'ipc', ip: join(folder, 'kernel'), ports, key };
    return await start(byPaths, AbortSignal.any([signal, patience.signal]));
  } catch (error) {
    if (!(error instanceof NotConnected) || signal.aborted) throw error;
  }
  return await start({ transport: 'tcp', ip: '127.0.0.1', ports: await freePorts(), key }, signal);
}

/** Ports of the loopback that nobody has; the kernel binds them a moment later. */
async function freePorts(): Promise<ConnectionInfo['ports']> {
  const servers = Array.from({ length: 5 }, () => createServer());
  await Promise.all(servers.map((server) => listen(server, { host: '127.0.0.1', port: 0 })));
  const [shell = 0, iopub = 0, stdin = 0, control = 0, hb = 0] = servers.map((server) => {
    const address = server.address();
    server.close();
    return typeof address === 'object' && address ? address.port : 0;
  });
  return { shell, iopub, stdin, control, hb };
}
