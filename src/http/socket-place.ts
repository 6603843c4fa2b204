/**
 * Putting a listening UNIX socket in its place: it is bound inside a fresh folder that only the owner can enter, given
 * mode 0600 and then renamed, so at no time can another user connect.
 */
import { chmod, lstat, mkdtemp, rename, rm, stat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { KerneletError } from '../lib/errors.ts';
import { makeFolder } from '../lib/folders.ts';
import { isSystemError } from '../lib/system-error.ts';
import { openUnixAddress } from '../lib/unix-address.ts';

/** A socket in its place. */
export interface PlacedSocket extends AsyncDisposable {
  /** Takes the file away, if it is still this server's: clients then see that nobody is there. */
  remove(): Promise<void>;
}

/**
 * Makes the server listen on `socketPath`; its folder is made with mode 0700 when missing. Throws STATE_LOCKED when
 * somebody answers there, STATE_UNUSABLE when the place cannot be used. Dispose it after the server was closed.
 */
export async function listenAt(server: Server, socketPath: string): Promise<PlacedSocket> {
  try {
    await makeFolder(dirname(socketPath), 0o700);
    await checkFree(socketPath);
    return await bindAndMove(server, socketPath);
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

async function bindAndMove(server: Server, socketPath: string): Promise<PlacedSocket> {
  const folder = await mkdtemp(join(dirname(socketPath), '.kernelet-'));
  try {
    const bound = join(folder, 's');
    const address = await openUnixAddress(bound);
    try {
      await listen(server, address.address);
      await chmod(bound, 0o600);
      const { dev, ino } = await stat(bound);
      await rename(bound, socketPath);
      return {
        async remove() {
          const there = await lstat(socketPath).catch(() => null);
          if (there?.dev === dev && there.ino === ino) await unlink(socketPath).catch(() => {});
        },
        [Symbol.asyncDispose]: () => address[Symbol.asyncDispose](),
      };
    } catch (error) {
      await address[Symbol.asyncDispose]();
      throw error;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function listen(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      resolve();
    });
  });
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
