/**
 * The socket that the agent connects to, and the first frame of each connection: an agent that does not know the
 * kernel's secret learns nothing, and a connection that says nothing is closed.
 */
import { createServer, type Server } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import { type AgentFrameHeader, type ConnectionRole, protocolGeneration } from '../protocol/agent-frames.ts';
import type { ContainerLog } from './container-log.ts';
import { FrameSocket } from './frame-socket.ts';
import { listenOnPath } from './listen-on-path.ts';

/** For requests, files, four folders that are watched, and 64 connections to ports. */
const maxConnections = 76;
const helloTimeoutMs = 5000;

/** Where it listens, and who serves what it accepts. */
export interface RunnerServerOptions {
  readonly path: string;
  readonly secret: string;
  readonly clock: Clock;
  readonly log: ContainerLog;
  /** Takes a connection that has said who it is; its `welcome` has to be sent. */
  accept(connection: FrameSocket, role: ConnectionRole, protocol: number): void;
}

/** Begins to listen; resolves when connections are accepted. Rejects with the system's error. */
export async function serveRunner(options: RunnerServerOptions): Promise<Server> {
  const server = createServer((socket) => {
    server.getConnections((_, count) => {
      if (count > maxConnections) socket.destroy();
    });
    greet(new FrameSocket(socket), options);
  });
  await listenOnPath(server, options.path, 0o600);
  return server;
}

function greet(connection: FrameSocket, options: RunnerServerOptions): void {
  const timer = options.clock.after(helloTimeoutMs, () => connection.close('no hello came'));
  connection.onClose(() => timer[Symbol.dispose]());
  connection.onFrame((header) => {
    timer[Symbol.dispose]();
    const refusal = refusalOf(header, options.secret);
    if (refusal) {
      options.log.line('WARN', `a connection was refused: ${refusal.text}`);
      connection.send({ t: 'refused', ...refusal });
      connection.onFrame(() => {});
      connection.end();
    } else if (header.t === 'hello') {
      options.accept(connection, header.role, Math.min(header.protocol, protocolGeneration));
    }
  });
}

function refusalOf(
  header: AgentFrameHeader,
  secret: string,
): { readonly reason: 'secret' | 'form'; readonly text: string } | null {
  if (header.t !== 'hello') return { reason: 'form', text: 'the first frame is not hello' };
  if (!equalSecrets(header.secret, secret)) return { reason: 'secret', text: 'the secret is wrong' };
  return null;
}

/** Takes as long for a secret that is wrong at its start as for one that is wrong at its end. */
export function equalSecrets(actual: string, expected: string): boolean {
  let difference = actual.length ^ expected.length;
  for (let index = 0; index < expected.length; index += 1) {
    difference |= actual.charCodeAt(index) ^ expected.charCodeAt(index);
  }
  return difference === 0;
}
