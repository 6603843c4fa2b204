/**
 * A connection to one database that is made when it is needed and made anew when it has ended. Commands fail at once
 * when it cannot be made: whoever must get something through has a queue and patience of his own.
 */
import { KerneletError } from '../../lib/errors.ts';
import { type RedisCommand, RedisConnection, type RedisReply } from './connection.ts';
import { findMaster, requireMaster } from './sentinel.ts';
import type { RedisSettings } from './settings.ts';

/** The databases of a cluster (spec cluster-state 2.2). */
export const redisDatabases = { statistics: 0, live: 2, images: 3, stream: 4 } as const;

/** What commands are sent through. */
export interface RedisSender {
  /** As RedisConnection.send. */
  send(commands: readonly RedisCommand[], timeoutMs?: number): Promise<readonly RedisReply[]>;
}

/** A link to one database. */
export class RedisLink implements RedisSender, Disposable {
  readonly #settings: RedisSettings;
  readonly #database: number;
  #connection: Promise<RedisConnection> | null = null;
  #closed = false;

  constructor(settings: RedisSettings, database: number) {
    this.#settings = settings;
    this.#database = database;
  }

  async send(commands: readonly RedisCommand[], timeoutMs?: number): Promise<readonly RedisReply[]> {
    const connection = await this.#connected();
    return await connection.send(commands, timeoutMs);
  }

  /** One command. */
  async call(command: RedisCommand, timeoutMs?: number): Promise<RedisReply> {
    const [reply = null] = await this.send([command], timeoutMs);
    return reply;
  }

  /** All or nothing; gives the replies of the commands. */
  async transact(commands: readonly RedisCommand[]): Promise<readonly RedisReply[]> {
    const replies = await this.send([['MULTI'], ...commands, ['EXEC']]);
    const done = replies.at(-1);
    return Array.isArray(done) ? done : [];
  }

  /** Ends the connection; commands under way are refused. */
  [Symbol.dispose](): void {
    this.#closed = true;
    const connection = this.#connection;
    this.#connection = null;
    connection?.then(
      (open) => open[Symbol.dispose](),
      () => {},
    );
  }

  async #connected(): Promise<RedisConnection> {
    if (this.#closed) throw new KerneletError('REDIS_UNAVAILABLE', 'the connection to Redis is closed');
    const before = this.#connection;
    if (before) {
      const connection = await before;
      if (connection.usable) return connection;
      if (this.#connection !== before) return await this.#connected();
    }
    const opening = this.#open();
    this.#connection = opening;
    try {
      return await opening;
    } catch (error) {
      if (this.#connection === opening) this.#connection = null;
      throw error;
    }
  }

  async #open(): Promise<RedisConnection> {
    const { place, password, tls, connectTimeoutMs, commandTimeoutMs } = this.#settings;
    const address = place.kind === 'server' ? place.address : await findMaster(place, this.#settings);
    const options = { address, password, tls, connectTimeoutMs, commandTimeoutMs, database: this.#database };
    const connection = await RedisConnection.open(options);
    try {
      if (place.kind === 'sentinel') await requireMaster(connection);
      if (this.#closed) throw new KerneletError('REDIS_UNAVAILABLE', 'the connection to Redis is closed');
      return connection;
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  }
}

/** What keys are written through. */
export type KeyWriter = Pick<RedisLink, 'send' | 'call' | 'transact'>;
