/**
 * One connection to one Redis server: the only module that knows the Redis client, which is loaded when the first
 * connection is made. A command that is not answered in time ends the connection, since nothing else ends it when a
 * server hangs; it may have run.
 */
import type { HostPort } from '../../config/settings.ts';
import { withDeadline } from '../../lib/deadline.ts';
import { KerneletError } from '../../lib/errors.ts';
import { isTransientError } from './retry.ts';
import type { RedisTls } from './settings.ts';

/** A command with its arguments. */
export type RedisCommand = readonly (string | Buffer)[];

/** What a server answers. Texts that it stores come as bytes. */
export type RedisReply = null | number | string | Buffer | readonly RedisReply[];

/** Where a connection goes, what it shows there, and how long the server may take. */
export interface RedisConnectionOptions {
  readonly address: HostPort;
  /** null: none. */
  readonly password: string | null;
  readonly database: number;
  readonly tls: RedisTls | null;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
}

/** The part of the client that is used. */
interface Client {
  sendCommand(args: RedisCommand, options: object): Promise<unknown>;
  destroy(): void;
  readonly isReady: boolean;
}

/** A connection that is open until it is disposed, or a command was not answered in time. */
export class RedisConnection implements Disposable {
  readonly #client: Client;
  readonly #name: string;
  readonly #timeoutMs: number;
  readonly #options: object;
  readonly #isErrorReply: (thrown: unknown) => thrown is Error;

  /** Connects, authenticates and chooses the database. Throws REDIS_UNAVAILABLE. */
  static async open(options: RedisConnectionOptions): Promise<RedisConnection> {
    const { RedisClient, ErrorReply, RESP_TYPES } = await import('@redis/client');
    const { address, tls, password, database } = options;
    const name = `Redis at ${address.host}:${address.port}`;
    // Connecting to a port takes no answer of the server's program; a TLS handshake does.
    const connectTimeout = options.connectTimeoutMs + (tls ? options.commandTimeoutMs : 0);
    const socket = { host: address.host, port: address.port, reconnectStrategy: false, connectTimeout } as const;
    const security = tls && {
      tls: true as const,
      rejectUnauthorized: tls.verify,
      ...(tls.authority === null ? {} : { ca: tls.authority }),
    };
    // Not by `createClient`, which makes a class with a method for every command: 8 MB for each connection.
    const client = new RedisClient({
      RESP: 2,
      socket: { ...socket, keepAlive: true, keepAliveInitialDelay: 20_000, ...security },
      database,
      ...(password === null ? {} : { password }),
      disableOfflineQueue: true,
      commandsQueueMaxLength: 10_000,
      disableClientInfo: true,
      maintNotifications: 'disabled',
    });
    // The process dies of an `error` event without listener; what failed is said by the commands.
    client.on('error', () => {});
    let connected = false;
    client.once('connect', () => {
      connected = true;
    });
    try {
      const timeoutMs = connectTimeout + options.commandTimeoutMs;
      await withDeadline({ what: `connecting to ${name}`, timeoutMs }, () => client.connect());
    } catch (cause) {
      // A client that is destroyed while its socket connects would keep the socket.
      if (connected) destroyQuietly(client);
      else client.once('connect', () => destroyQuietly(client));
      throw new KerneletError('REDIS_UNAVAILABLE', `cannot connect to ${name}: ${messageOf(cause)}`, { cause });
    }
    return new RedisConnection(client as unknown as Client, {
      name,
      timeoutMs: options.commandTimeoutMs,
      options: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
      isErrorReply: (thrown): thrown is Error => thrown instanceof ErrorReply,
    });
  }

  private constructor(
    client: Client,
    facts: {
      readonly name: string;
      readonly timeoutMs: number;
      readonly options: object;
      readonly isErrorReply: (thrown: unknown) => thrown is Error;
    },
  ) {
    this.#client = client;
    this.#name = facts.name;
    this.#timeoutMs = facts.timeoutMs;
    this.#options = facts.options;
    this.#isErrorReply = facts.isErrorReply;
  }

  /** Whether commands can be sent. */
  get usable(): boolean {
    return this.#client.isReady;
  }

  /**
   * Sends the commands together, with nothing of other callers in between, and gives the replies in order. Throws
   * REDIS_UNAVAILABLE when the connection ends first (some may have run) or the server cannot do them now, and
   * REDIS_REFUSED when it refuses one (the others have run).
   */
  async send(commands: readonly RedisCommand[], timeoutMs = this.#timeoutMs): Promise<readonly RedisReply[]> {
    const sent = commands.map((command) => this.#client.sendCommand(command, this.#options));
    const settled = Promise.allSettled(sent);
    let outcomes: Awaited<typeof settled>;
    try {
      outcomes = await withDeadline({ what: `${this.#name}'s reply to ${wordOf(commands)}`, timeoutMs }, () => settled);
    } catch (cause) {
      this[Symbol.dispose]();
      throw new KerneletError('REDIS_UNAVAILABLE', messageOf(cause), { cause });
    }
    return outcomes.map((outcome) => {
      if (outcome.status === 'rejected') throw this.#failure(outcome.reason, commands);
      if (Array.isArray(outcome.value)) this.#refuseErrorsIn(outcome.value, commands);
      return outcome.value as RedisReply;
    });
  }

  [Symbol.dispose](): void {
    destroyQuietly(this.#client);
  }

  /** The reply to EXEC holds the errors of its commands. */
  #refuseErrorsIn(replies: readonly unknown[], commands: readonly RedisCommand[]): void {
    const error = replies.find((reply) => reply instanceof Error);
    if (error) throw this.#failure(error, commands);
  }

  #failure(thrown: unknown, commands: readonly RedisCommand[]): KerneletError {
    const text = `${this.#name}: ${wordOf(commands)}: ${messageOf(thrown)}`;
    if (!this.#isErrorReply(thrown)) {
      this[Symbol.dispose]();
      return new KerneletError('REDIS_UNAVAILABLE', text, { cause: thrown });
    }
    const word = thrown.message.split(' ')[0] ?? '';
    if (!isTransientError(word)) return new KerneletError('REDIS_REFUSED', text, { cause: thrown, context: { word } });
    // A replica that was a master: the next connection finds the new one.
    if (word === 'READONLY') this[Symbol.dispose]();
    return new KerneletError('REDIS_UNAVAILABLE', text, { cause: thrown });
  }
}

function wordOf(commands: readonly RedisCommand[]): string {
  return String(commands[0]?.[0] ?? 'nothing');
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function destroyQuietly(client: { destroy(): void }): void {
  try {
    client.destroy();
  } catch {
    // It is closed already.
  }
}
