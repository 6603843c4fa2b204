/** Stands in for the package `@redis/client` in a simulated world, as far as the agent uses it: connections to the cluster's server. */
import { EventEmitter } from 'node:events';
import type { RedisCommand, RedisReply } from '../../../src/backendai/redis/connection.ts';
import { theMachine } from '../world/interposition.ts';
import type { Owner } from '../world/timeline.ts';
import { type RedisServer, RefusedCommand, type ServedConnection } from './redis-server.ts';

export { RefusedCommand as ErrorReply };

export const RESP_TYPES = { BLOB_STRING: 36 } as const;

/** A client with one connection, which it makes when it is told to. */
export class RedisClient extends EventEmitter {
  readonly #database: number;
  readonly #server: RedisServer;
  readonly #owner: Owner;
  #connection: ServedConnection | null = null;
  #isDestroyed = false;

  constructor({ database }: { readonly database: number }) {
    super();
    const { cluster, timeline } = theMachine();
    this.#database = database;
    this.#server = cluster.redis;
    this.#owner = timeline.current;
  }

  get isReady(): boolean {
    return this.#connection?.isOpen ?? false;
  }

  async connect(): Promise<void> {
    const connection = await this.#server.connect(this.#owner, this.#database);
    this.emit('connect');
    if (this.#isDestroyed) this.#server.close(connection);
    else this.#connection = connection;
  }

  sendCommand(command: RedisCommand): Promise<RedisReply> {
    if (!this.#connection) return Promise.reject(new Error('the client is closed'));
    return this.#server.send(this.#connection, command);
  }

  destroy(): void {
    this.#isDestroyed = true;
    if (this.#connection) this.#server.close(this.#connection);
    this.#connection = null;
  }
}
