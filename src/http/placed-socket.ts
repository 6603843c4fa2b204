/**
 * A server's socket in its place in the file system, for this process's user alone: it is bound inside a fresh folder that
 * only the owner can enter, given mode 0600 and then renamed into its place, so at no time can another user connect. One that
 * somebody removes, such as a program that clears old files away, is bound again.
 */
import { chmod, lstat, mkdtemp, rename, rm, stat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { systemClock } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import { makeFolder } from '../lib/folders.ts';
import { listen } from '../lib/listen.ts';
import type { Logger } from '../lib/log.ts';
import { runPeriodically } from '../lib/retry.ts';
import { isSystemError } from '../lib/system-error.ts';
import { openUnixAddress } from '../lib/unix-address.ts';

/** How soon a socket that was removed is there again. */
const lookMs = 1_000;

/** A socket in its place. Dispose it when its connections have ended. */
export interface PlacedSocket extends AsyncDisposable {
  /** Takes the file away, if it is still this server's: clients then see that nobody is there. It is not bound again. */
  remove(): Promise<void>;
  /** Takes no more connections; resolves when those that there are have ended. */
  close(): Promise<void>;
}

/**
 * Makes the server listen on `socketPath`; its folder is made with mode 0700 when missing. Throws STATE_LOCKED when
 * somebody answers there, STATE_UNUSABLE when the place cannot be used.
 */
export async function listenAt(server: Server, socketPath: string, log: Logger): Promise<PlacedSocket> {
  try {
    await makeFolder(dirname(socketPath), 0o700);
    await checkFree(socketPath);
    return new KeptSocket(server, await bindAndMove(server, socketPath), socketPath, log);
  } catch (error) {
    if (error instanceof KerneletError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new KerneletError(
      'STATE_UNUSABLE',
      `cannot listen on ${socketPath}: ${reason}; choose another place with --socket`,
      { cause: error },
    );
  }
}

/** A listening server whose file is seen again and again. */
class KeptSocket implements PlacedSocket {
  readonly #server: Server;
  readonly #path: string;
  readonly #log: Logger;
  readonly #first: BoundFile;
  readonly #end = new AbortController();
  readonly #watching: Promise<void>;
  /** Those that take no more connections and have some. */
  readonly #ending = new Set<Promise<void>>();
  /** A server has one file in its life: hands it what comes by the present one; null = that is its own. */
  #later: Server | null = null;
  #file: BoundFile;

  constructor(server: Server, file: BoundFile, path: string, log: Logger) {
    this.#server = server;
    this.#path = path;
    this.#log = log;
    this.#first = file;
    this.#file = file;
    const job = { name: 'look for the socket', pauseMs: lookMs, round: () => this.#look() };
    this.#watching = runPeriodically(job, systemClock, log, this.#end.signal);
  }

  async remove(): Promise<void> {
    this.#end.abort();
    await this.#watching;
    const there = await lstat(this.#path).catch(() => null);
    if (there?.dev === this.#file.dev && there.ino === this.#file.ino) await unlink(this.#path).catch(() => {});
  }

  async close(): Promise<void> {
    this.#refuse(this.#server);
    if (this.#later) this.#refuse(this.#later);
    await Promise.all(this.#ending);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#watching;
    await this.#file[Symbol.asyncDispose]();
    await this.#first[Symbol.asyncDispose]();
  }

  #refuse(server: Server): void {
    const ended: Promise<void> = new Promise<void>((resolve) => server.close(() => resolve())).then(
      () => void this.#ending.delete(ended),
    );
    this.#ending.add(ended);
  }

  /** What lies there instead is somebody else's. */
  async #look(): Promise<void> {
    const isThere = await lstat(this.#path).then(
      () => true,
      (error: unknown) => !isSystemError(error, 'ENOENT'),
    );
    if (isThere) return;
    const next = createServer({ allowHalfOpen: true }, (socket) => this.#server.emit('connection', socket));
    next.maxConnections = this.#server.maxConnections;
    await makeFolder(dirname(this.#path), 0o700);
    const file = await bindAndMove(next, this.#path);
    if (this.#later) {
      // Nobody comes by its file any more.
      this.#refuse(this.#later);
      await this.#file[Symbol.asyncDispose]();
    }
    this.#later = next;
    this.#file = file;
    this.#log.warn('somebody removed the socket; it is there again', { socket: this.#path });
  }
}

/** The file that a server was bound to; disposing it, twice if need be, lets its address go. */
interface BoundFile extends AsyncDisposable {
  readonly dev: number;
  readonly ino: number;
}

/** A server whose file does not get into its place listens no more. */
async function bindAndMove(server: Server, socketPath: string): Promise<BoundFile> {
  const folder = await mkdtemp(join(dirname(socketPath), '.kernelet-'));
  try {
    const bound = join(folder, 's');
    const address = await openUnixAddress(bound);
    try {
      await listen(server, { path: address.address });
      await chmod(bound, 0o600);
      const { dev, ino } = await stat(bound);
      await rename(bound, socketPath);
      return { dev, ino, [Symbol.asyncDispose]: () => address[Symbol.asyncDispose]() };
    } catch (error) {
      // Before its address goes, by which its end removes what is left of its file.
      server.close();
      await address[Symbol.asyncDispose]();
      throw error;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function checkFree(socketPath: string): Promise<void> {
  const there = await lstat(socketPath).catch((error) => {
    if (isSystemError(error, 'ENOENT')) return null;
    throw error;
  });
  if (!there) return;
  if (!there.isSocket()) {
    throw new KerneletError('STATE_UNUSABLE', `${socketPath} exists and is not a socket; choose another with --socket`);
  }
  await using address = await openUnixAddress(socketPath);
  if (await answers(address.address)) {
    throw new KerneletError('STATE_LOCKED', `another daemon answers on ${socketPath}`);
  }
}

/** Whether somebody accepts connections; only a refusal proves that nobody does. */
function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => resolve(!isSystemError(error, 'ECONNREFUSED', 'ENOENT')));
  });
}
