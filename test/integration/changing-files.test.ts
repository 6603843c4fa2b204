/** Files that their tenant changes while they are downloaded, over connections that clients keep for the next request. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openUnixAddress } from '../../src/lib/unix-address.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

/** More than all buffers on the way hold, so that the worker waits when the client does. */
const size = 32 * 1024 * 1024;

let node: NodeUnderTest;
let python: string;
let folder: string;
beforeAll(async () => {
  node = await NodeUnderTest.started();
  python = await node.create('--lang', 'python');
});
afterAll(() => node?.[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = path.join(node.folder, 'out');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
});

const exec = async (code: string): Promise<string> => {
  const { status, text, stderr } = await node.run(['exec', python, '-c', code]);
  expect([status, stderr]).toEqual([0, '']);
  return text;
};
const makeFile = (bytes: number) => exec(`with open("f", "wb") as f: f.write(b"x" * ${bytes})`);

/** A client that keeps its connection, and takes what follows a reply for the next one. */
class KeptConnection implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #closed: Promise<void>;
  #chunks: Buffer[] = [];
  #held = 0;
  #isClosed = false;
  #changed: () => void = () => {};

  constructor(address: string) {
    this.#socket = connect(address);
    const closed = Promise.withResolvers<void>();
    this.#closed = closed.promise;
    this.#socket.on('error', () => {});
    this.#socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#held += chunk.length;
      this.#changed();
    });
    this.#socket.on('close', () => {
      this.#isClosed = true;
      this.#changed();
      closed.resolve();
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  ask(url: string): void {
    this.#socket.write(`GET ${url} HTTP/1.1\r\nhost: x\r\n\r\n`);
  }

  /** The head of the next reply; then nothing more is read until `body`. */
  async head(): Promise<string> {
    this.#socket.resume();
    while (!this.#all().includes('\r\n\r\n')) {
      if (this.#isClosed) return '';
      await this.#change();
    }
    this.#socket.pause();
    return this.#take(this.#all().indexOf('\r\n\r\n') + 4).toString();
  }

  /** So many bytes, or fewer when the connection ends before. */
  async body(length: number): Promise<Buffer> {
    this.#socket.resume();
    while (this.#held < length && !this.#isClosed) await this.#change();
    return this.#take(length);
  }

  #all(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #take(length: number): Buffer {
    const all = this.#all();
    const taken = all.subarray(0, length);
    this.#chunks = [all.subarray(taken.length)];
    this.#held -= taken.length;
    return taken;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.#closed;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }
}

/** Asks for the file, lets the tenant do something to it when its size has been told, and reads on. */
async function downloadOf(change: string): Promise<{ connection: KeptConnection; body: Buffer }> {
  await using address = await openUnixAddress(node.socket);
  const connection = new KeptConnection(address.address);
  connection.ask(`/v1/kernels/${python}/files/content?path=f`);
  expect(await connection.head()).toContain(`content-length: ${size}\r\n`);
  await exec(change);
  return { connection, body: await connection.body(size) };
}

describe('a file', () => {
  // @promise forged-replies
  it('that grows is downloaded as far as was announced, and forges no reply to the next request', async () => {
    await makeFile(size);
    const forged = 'HTTP/1.1 200 OK\\r\\ncontent-length: 6\\r\\n\\r\\nforged';
    const { connection, body } = await downloadOf(`with open("f", "ab") as f: f.write(b"${forged}" * 100_000)`);
    await using kept = connection;
    expect(body.equals(Buffer.alloc(size, 'x'))).toBe(true);
    kept.ask('/v1/status');
    const head = await kept.head();
    const length = Number(/content-length: (\d+)/.exec(head)?.[1]);
    expect(JSON.parse((await kept.body(length)).toString())).toMatchObject({ kernels: expect.anything() });
  });

  it('that shrinks ends the connection at once', async () => {
    await makeFile(size);
    const before = performance.now();
    const { connection, body } = await downloadOf('open("f", "wb").close()');
    await using kept = connection;
    expect(body.length).toBeLessThan(size);
    expect(kept.isClosed).toBe(true);
    expect(performance.now() - before).toBeLessThan(20_000);
  });

  it('that is empty, or was never written where its end is, comes as it is', async () => {
    for (const bytes of [0, 1, 300_000]) {
      await exec(`with open("f", "wb") as f: f.truncate(${bytes})`);
      await using address = await openUnixAddress(node.socket);
      await using kept = new KeptConnection(address.address);
      kept.ask(`/v1/kernels/${python}/files/content?path=f`);
      expect(await kept.head()).toContain(`content-length: ${bytes}\r\n`);
      expect((await kept.body(bytes)).equals(Buffer.alloc(bytes))).toBe(true);
      kept.ask('/v1/status');
      expect(await kept.head()).toMatch(/^HTTP\/1.1 200 OK/);
    }
  });
});

describe('the command', () => {
  /** Waits for the worker that reads the file, and does this to it as its own user. */
  const atWorker = (act: string): string => `
import glob, os, signal, time
def reader():
    for name in glob.glob('/proc/[0-9]*/fd/*'):
        try:
            if os.readlink(name) == '/home/work/f': return int(name.split('/')[2])
        except OSError: pass
until = time.time() + 30
while (pid := reader()) is None and time.time() < until: pass
time.sleep(0.02)
${act}
print(pid is not None)
`;
  // @promise files-carried
  it.each([
    [
      'shrinks under a worker that is stopped',
      'os.kill(pid, signal.SIGSTOP); os.truncate("f", 1000); os.kill(pid, signal.SIGCONT)',
    ],
    ['is read by a worker that is killed', 'os.kill(pid, signal.SIGKILL)'],
  ])('fails at once, truthfully, and leaves nothing, when the file %s', async (_, act) => {
    await exec('with open("f", "wb") as f: f.truncate(2_000_000_000)');
    const before = performance.now();
    const [outcome, acted] = await Promise.all([
      node.run(['download', python, 'f', path.join(folder, 'f')]),
      exec(atWorker(act)),
    ]);
    expect([acted, outcome.status]).toEqual(['True\n', 125]);
    expect(outcome.stderr).toMatch(/^kernelet: the download of "f" was cut off: it became shorter meanwhile/);
    expect(performance.now() - before).toBeLessThan(40_000);
    expect(await readdir(folder)).toEqual([]);
  });
});
