/** Local TCP ports whose connections go on to a port of a kernel, through the API. */
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { KerneletError } from '../lib/errors.ts';
import { listen } from '../lib/listen.ts';
import { systemErrorText } from '../lib/system-error.ts';
import { UsageError } from './option-reader.ts';

/** One port to forward: `[HOST:]LOCAL:PORT`, or the port of the kernel alone, which is then the local one too. */
export interface Forward {
  readonly host: string;
  /** 0: the system chooses one. */
  readonly local: number;
  readonly port: number;
}

const form = /^(?:(?:(\[[0-9a-f:.]+\]|[^:[\]]+):)?(\d{0,5}):)?(\d{1,5})$/i;

/** Reads a port to forward as it is written. Throws UsageError. */
export function parseForward(text: string): Forward {
  const [whole, host = '127.0.0.1', local, port = ''] = form.exec(text) ?? [];
  const forward = { host: host.replace(/^\[|\]$/g, ''), local: Number(local ?? port), port: Number(port) };
  if (whole === undefined || forward.port < 1 || forward.port > 65_535 || forward.local > 65_535) {
    const shown = JSON.stringify(text.slice(0, 80));
    throw new UsageError(`${shown} is not a port, LOCAL:PORT or HOST:LOCAL:PORT with ports up to 65535`);
  }
  return forward;
}

/** A local port that is listened on. Disposing it ends its connections. */
export interface LocalPort extends AsyncDisposable {
  readonly port: number;
}

/** What forwarded connections go through. */
export interface ForwardOptions {
  readonly forward: Forward;
  /** A connection to the port of the kernel. */
  readonly connect: (port: number) => Promise<Duplex>;
  /** Told of a connection that could not be made in the kernel. */
  readonly onFailure: (error: unknown) => void;
}

/** Begins to listen. Throws INVALID_ARGUMENT when the port cannot be had. */
export async function forwardPort({ forward, connect, onFailure }: ForwardOptions): Promise<LocalPort> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    sockets.add(near);
    near.once('close', () => sockets.delete(near));
    near.on('error', () => near.destroy());
    connect(forward.port).then(
      (far) => join(near, far),
      (error: unknown) => {
        near.destroy();
        onFailure(error);
      },
    );
  });
  server.maxConnections = maxConnections;
  const { host, local } = forward;
  try {
    await listen(server, { host, port: local });
  } catch (cause) {
    const message = `the local port ${local} of ${host} cannot be listened on: ${systemErrorText(cause)}`;
    const cure = 'Choose another one; `:PORT` has the system choose.';
    throw new KerneletError('INVALID_ARGUMENT', message, { cause, cure });
  }
  return {
    port: portOf(server),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** As many as the API takes for one kernel. */
const maxConnections = 64;

function portOf(server: Server): number {
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

/** Each direction ends for itself; where one breaks, both do. */
function join(near: Socket, far: Duplex): void {
  far.on('error', () => near.resetAndDestroy());
  far.once('close', () => near.destroySoon());
  near.once('close', () => far.destroy());
  near.pipe(far);
  far.pipe(near);
  if (near.destroyed) far.destroy();
}
