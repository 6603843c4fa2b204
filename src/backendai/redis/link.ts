/**
 * A connection to one database that is made when it is needed and made anew when it has ended. Commands fail at once
 * when it cannot be made: whoever must get something through has a queue and patience of his own (`retry.ts`). A master is
 * found by its sentinels here, and not by the client, whose connections are not ours to end when a server hangs.
 */
import type { HostPort } from '../../config/settings.ts';
import { KerneletError } from '../../lib/errors.ts';
import { type RedisCommand, RedisConnection, type RedisReply } from './connection.ts';
import type { RedisPlace, RedisSettings } from './settings.ts';

/** The databases of a cluster (spec cluster-state 2.2). */
export const redisDatabases = { statistics: 0, live: 2, images: 3, stream: 4 } as const;

/** What commands are sent through. */
export interface RedisSender {
  /** Replies in order; throws as `RedisConnection.send` does. */
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

  /** Sends one command and gives its reply. */
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

/** Asks the sentinels in turn. Throws REDIS_UNAVAILABLE, with what each of them said, when none names a master. */
async function findMaster(
  place: Extract<RedisPlace, { kind: 'sentinel' }>,
  settings: RedisSettings,
): Promise<HostPort> {
  const answers: string[] = [];
  for (const address of place.sentinels) {
    try {
      const master = await askSentinel(address, place, settings);
      if (master) return master;
      answers.push(`the sentinel at ${address.host}:${address.port} does not know it`);
    } catch (error) {
      answers.push(error instanceof Error ? error.message : String(error));
    }
  }
  const text = `no sentinel names a master of ${JSON.stringify(place.service)}: ${answers.join('; ')}`;
  throw new KerneletError('REDIS_UNAVAILABLE', text);
}

async function askSentinel(
  address: HostPort,
  place: Extract<RedisPlace, { kind: 'sentinel' }>,
  settings: RedisSettings,
): Promise<HostPort | null> {
  using sentinel = await openSentinel(address, place, settings);
  const [reply] = await sentinel.send([['SENTINEL', 'get-master-addr-by-name', place.service]]);
  return hostPort(reply);
}

function openSentinel(
  address: HostPort,
  { password }: Extract<RedisPlace, { kind: 'sentinel' }>,
  { tls, connectTimeoutMs, commandTimeoutMs }: RedisSettings,
): Promise<RedisConnection> {
  return RedisConnection.open({ address, password, database: 0, tls, connectTimeoutMs, commandTimeoutMs });
}

/** The master and its replicas, as far as any sentinel names them now. Never rejects. */
export async function namedServers(
  place: Extract<RedisPlace, { kind: 'sentinel' }>,
  settings: RedisSettings,
): Promise<readonly HostPort[]> {
  const asked = place.sentinels.map(async (address) => {
    using sentinel = await openSentinel(address, place, settings);
    const [master, replicas] = await sentinel.send([
      ['SENTINEL', 'get-master-addr-by-name', place.service],
      ['SENTINEL', 'replicas', place.service],
    ]);
    const named = Array.isArray(replicas) ? replicas.map(replicaAddress) : [];
    return [hostPort(master), ...named].filter((one) => one !== null);
  });
  const answers = await Promise.allSettled(asked);
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
}

function hostPort(reply: unknown): HostPort | null {
  if (!Array.isArray(reply)) return null;
  const [host, port] = reply.map(String);
  return host && Number(port) > 0 ? { host, port: Number(port) } : null;
}

/** Of a replica sentinels tell names and values in turn. */
function replicaAddress(reply: unknown): HostPort | null {
  if (!Array.isArray(reply)) return null;
  const texts = reply.map(String);
  const valueAfter = (name: string): string | undefined => texts[texts.indexOf(name) + 1];
  return texts.includes('ip') && texts.includes('port') ? hostPort([valueAfter('ip'), valueAfter('port')]) : null;
}

/** Throws REDIS_UNAVAILABLE when the server is no master: sentinels may name one that was. */
async function requireMaster(connection: RedisConnection): Promise<void> {
  const [reply] = await connection.send([['ROLE']]);
  const role = Array.isArray(reply) ? String(reply[0]) : '';
  if (role !== 'master') throw new KerneletError('REDIS_UNAVAILABLE', `the sentinels name a server that is a ${role}`);
}
