/** The agent's CURVE keys and the managers that may call it (spec rpc 4.1), from certificate files. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../lib/atomic-file.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { keepSecret } from '../../lib/redaction.ts';
import { answerZap, type Certificate, decodeZ85, formatCertificate, parseCertificate } from '../wire/curve.ts';
import { type Context, loadZeromq } from './zeromq.ts';

/** Paths of ZeroMQ's certificate files, as the configuration names them. */
export interface CurveKeyFiles {
  /** The agent's certificate with its secret part. */
  readonly agentKeypairFile: string;
  /** Public certificates of the managers that may call: more than one while keys are exchanged. */
  readonly managerPublicKeyFiles: readonly string[];
}

/** What a server needs of them. */
export interface CurveKeys {
  /** The agent's, in Z85: heartbeats announce it. */
  readonly publicKey: string;
  readonly secretKey: string;
  /** Keys of 32 bytes that may connect now; a changed file counts from the next connection on. */
  allowedKeys(): Promise<readonly Uint8Array[]>;
}

/** Reads the key files. Throws INVALID_CONFIG, naming the file, when one is missing or is no certificate. */
export async function loadCurveKeys(files: CurveKeyFiles, log: Logger): Promise<CurveKeys> {
  const { publicKey, secretKey } = await readCertificate(files.agentKeypairFile);
  if (secretKey === null) {
    throw new KerneletError(
      'INVALID_CONFIG',
      `agent.rpc-auth-agent-keypair: ${files.agentKeypairFile} has no secret-key line: name the file that ends in .key_secret`,
    );
  }
  keepSecret(secretKey);
  if (files.managerPublicKeyFiles.length === 0) {
    throw new KerneletError(
      'INVALID_CONFIG',
      "agent.rpc-auth-manager-public-key is missing: it names the manager's public key file, without which no manager could be published from others",
    );
  }
  const managers = await Promise.all(files.managerPublicKeyFiles.map((file) => WatchedKey.read(file, log)));
  return {
    publicKey,
    secretKey,
    allowedKeys: () => Promise.all(managers.map((manager) => manager.current())),
  };
}

/**
 * Makes a key pair and its two files, `NAME.key` and `NAME.key_secret` (only for their owner), and gives their paths. Throws
 * INVALID_ARGUMENT for a name that is none of a file and when a file is there already, STATE_UNUSABLE.
 */
export async function makeCurveKeys(folder: string, name: string): Promise<{ publicFile: string; secretFile: string }> {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name)) {
    throw new KerneletError('INVALID_ARGUMENT', `${JSON.stringify(name)} is no name of a file`);
  }
  const publicFile = path.join(folder, `${name}.key`);
  const secretFile = path.join(folder, `${name}.key_secret`);
  for (const file of [publicFile, secretFile]) {
    const there = await stat(file).catch(() => null);
    if (there !== null) throw new KerneletError('INVALID_ARGUMENT', `${file} is there already; it is left as it is`);
  }
  const { publicKey, secretKey } = loadZeromq().curveKeyPair();
  await writeFileAtomic(secretFile, formatCertificate({ publicKey, secretKey }), { mode: 0o600 });
  await writeFileAtomic(publicFile, formatCertificate({ publicKey, secretKey: null }), { mode: 0o644 });
  return { publicFile, secretFile };
}

/** A public key whose file is looked at again at each use. While the file is missing or wrong, the last key holds. */
class WatchedKey {
  readonly #file: string;
  readonly #log: Logger;
  #key: Uint8Array;
  #stamp: string;

  private constructor(file: string, log: Logger, key: Uint8Array, stamp: string) {
    this.#file = file;
    this.#log = log;
    this.#key = key;
    this.#stamp = stamp;
  }

  static async read(file: string, log: Logger): Promise<WatchedKey> {
    const stamp = await stampOf(file);
    return new WatchedKey(file, log, await readPublicKey(file), stamp);
  }

  async current(): Promise<Uint8Array> {
    const stamp = await stampOf(this.#file);
    if (stamp === this.#stamp) return this.#key;
    this.#stamp = stamp;
    try {
      this.#key = await readPublicKey(this.#file);
      this.#log.info("the manager's public key was read again", { file: this.#file });
    } catch (error) {
      this.#log.warn("the manager's public key cannot be read; the last one holds", { file: this.#file, error });
    }
    return this.#key;
  }
}

async function stampOf(file: string): Promise<string> {
  const found = await stat(file).catch(() => null);
  return found === null ? 'missing' : `${found.ino} ${found.mtimeMs} ${found.size}`;
}

async function readPublicKey(file: string): Promise<Uint8Array> {
  const { publicKey } = await readCertificate(file);
  const key = decodeZ85(publicKey);
  if (key === null) throw new KerneletError('INVALID_CONFIG', `${file}: the public key is no Z85`);
  return key;
}

async function readCertificate(file: string): Promise<Certificate> {
  try {
    return parseCertificate(await readFile(file, 'utf8'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KerneletError('INVALID_CONFIG', `${file} is no certificate: ${why}`, { cause });
  }
}

const address = 'inproc://zeromq.zap.01';

/** Starts the handler of a context; closing it refuses everyone. */
export async function startZapHandler(
  context: Context,
  allowedKeys: () => Promise<readonly Uint8Array[]>,
  log: Logger,
): Promise<AsyncDisposable> {
  const { Reply } = loadZeromq();
  const socket = new Reply({ context, linger: 0 });
  await socket.bind(address);
  const answer = async (request: readonly Uint8Array[]): Promise<readonly Uint8Array[]> => {
    try {
      return answerZap(request, await allowedKeys());
    } catch (error) {
      log.error('a client is refused, as its key cannot be checked', { error });
      return answerZap(request, []);
    }
  };
  const done = (async () => {
    for await (const request of socket) await socket.send((await answer(request)) as Uint8Array[]);
  })().catch((error: unknown) => {
    if (!socket.closed) log.error('clients are no longer checked: none can connect', { error });
  });
  return {
    async [Symbol.asyncDispose]() {
      socket.close();
      await done;
    },
  };
}
