/** The Redis server of a simulated cluster: what the agent's commands do there, and who is connected. */
import type { RedisCommand, RedisReply } from '../../../src/backendai/redis/connection.ts';
import type { Owner } from '../world/timeline.ts';
import type { Outcome, RemoteService } from './remote-service.ts';

/** An entry of the stream of events. */
export interface StreamEntry {
  readonly id: string;
  /** Names and values in turn. */
  readonly fields: readonly (string | Buffer)[];
}

type Value = Buffer | Map<string, string>;

/** A command that the server refuses; its text begins with the word for why. */
export class RefusedCommand extends Error {}

/** A reader that waits for entries after one. */
interface Waiting {
  readonly after: string;
  readonly reply: (entries: RedisReply) => void;
}

/** One connection, as both ends know it. */
export class ServedConnection {
  readonly owner: Owner;
  readonly database: number;
  isOpen = true;
  /** Nothing that is sent now arrives before this moment. */
  lastArrival = 0;
  /** Commands between MULTI and EXEC. */
  transaction: RedisCommand[] | null = null;
  /** Ends what waits for a reply. */
  readonly waiting = new Set<(error: Error) => void>();

  constructor(owner: Owner, database: number) {
    this.owner = owner;
    this.database = database;
  }

  /** For the client's end: what waits fails, and nothing can be sent any more. */
  lose(error: Error): void {
    this.isOpen = false;
    for (const fail of [...this.waiting]) fail(error);
  }
}

/** One server, whose replies come in the order of its commands. */
export class RedisServer {
  readonly service: RemoteService;
  readonly #databases = new Map<number, Map<string, Value>>();
  #stream: StreamEntry[] = [];
  #entries = 0;
  readonly #readers = new Set<Waiting>();
  readonly #connections = new Set<ServedConnection>();
  /** Told of each entry of the stream as it is added. */
  onEntry: (entry: StreamEntry) => void = () => {};

  constructor(service: RemoteService) {
    this.service = service;
  }

  /** Ends it; `empties`: what it knew is gone. */
  stop({ empties }: { readonly empties: boolean }): void {
    this.service.stop();
    this.#readers.clear();
    for (const connection of this.#connections) this.#lose(connection);
    if (!empties) return;
    this.#databases.clear();
    this.#stream = [];
  }

  /** A client connects and chooses its database. */
  connect(owner: Owner, database: number): Promise<ServedConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<ServedConnection>();
    const connection = new ServedConnection(owner, database);
    this.service.send(
      'CONNECT',
      { owner, isGone: () => !connection.isOpen },
      () => this.#connections.add(connection),
      ({ kind }) => {
        if (kind === 'done' && this.#connections.has(connection)) resolve(connection);
        else reject(new Error('connect ECONNREFUSED'));
      },
    );
    return promise;
  }

  /** Sends a command of a connection. */
  send(connection: ServedConnection, command: RedisCommand): Promise<RedisReply> {
    const { promise, resolve, reject } = Promise.withResolvers<RedisReply>();
    if (!connection.isOpen) return Promise.reject(new Error('the connection has ended'));
    connection.waiting.add(reject);
    const settle = (end: () => void): void => {
      connection.waiting.delete(reject);
      end();
    };
    const [word = ''] = command;
    connection.lastArrival = this.service.send<RedisReply | Error | Promise<RedisReply>>(
      String(word),
      { owner: connection.owner, isGone: () => !connection.isOpen },
      () => this.#run(connection, command),
      (outcome) => this.#answer(connection, outcome, { settle, resolve, reject }),
      connection.lastArrival,
    );
    return promise;
  }

  /** The client has closed its end. */
  close(connection: ServedConnection): void {
    this.#connections.delete(connection);
    connection.lose(new Error('the connection was closed'));
  }

  /** Closes all of a process that has ended; nobody is left there who could be told, and would go on by that. */
  forget(owner: Owner): void {
    for (const connection of [...this.#connections]) {
      if (connection.owner !== owner) continue;
      this.#connections.delete(connection);
      connection.isOpen = false;
    }
  }

  #answer(
    connection: ServedConnection,
    outcome: Outcome<RedisReply | Error | Promise<RedisReply>>,
    call: {
      readonly settle: (end: () => void) => void;
      readonly resolve: (reply: RedisReply) => void;
      readonly reject: (error: Error) => void;
    },
  ): void {
    const { settle, resolve, reject } = call;
    if (outcome.kind === 'lost') {
      this.#connections.delete(connection);
      connection.lose(new Error('the server has ended the connection'));
    } else if (outcome.kind === 'refused')
      settle(() => reject(new RefusedCommand('ERR the simulated server refuses it')));
    else if (outcome.value instanceof Error) settle(() => reject(outcome.value as Error));
    else if (outcome.value instanceof Promise) void outcome.value.then((reply) => settle(() => resolve(reply)));
    else settle(() => resolve(outcome.value as RedisReply));
  }

  #lose(connection: ServedConnection): void {
    this.#connections.delete(connection);
    const lost = (): void => connection.lose(new Error('the server has ended the connection'));
    this.service.timeline.schedule(1, connection.owner, lost);
  }

  /** What a command does; one that fails gives its error. */
  #run(connection: ServedConnection, command: RedisCommand): RedisReply | Error | Promise<RedisReply> {
    const [word] = command;
    if (word === 'MULTI') {
      connection.transaction = [];
      return 'OK';
    }
    if (word === 'EXEC') {
      const commands = connection.transaction ?? [];
      connection.transaction = null;
      return commands.map((one) => this.#apply(connection.database, one) as RedisReply);
    }
    if (connection.transaction) {
      connection.transaction.push(command);
      return 'QUEUED';
    }
    if (word === 'XREAD') return this.#read(connection, command);
    return this.#apply(connection.database, command);
  }

  #apply(database: number, [word, name = '', ...args]: RedisCommand): RedisReply | Error {
    const key = String(name);
    const values = this.#databases.get(database) ?? new Map<string, Value>();
    this.#databases.set(database, values);
    const tableOf = (of: string): Map<string, string> => {
      const found = values.get(of);
      const table = found instanceof Map ? found : new Map<string, string>();
      values.set(of, table);
      return table;
    };
    switch (word) {
      case 'PING':
        return 'PONG';
      case 'SET':
        values.set(key, Buffer.from(args[0] ?? ''));
        return 'OK';
      case 'EXPIRE':
        return values.has(key) ? 1 : 0;
      case 'HSET':
        for (let at = 0; at < args.length; at += 2) tableOf(key).set(String(args[at]), String(args[at + 1]));
        return args.length / 2;
      case 'HDEL':
        return args.filter((field) => tableOf(key).delete(String(field))).length;
      case 'HGET': {
        const found = tableOf(key).get(String(args[0]));
        return found === undefined ? null : Buffer.from(found);
      }
      case 'XADD':
        // After its bound and the star that asks for an id.
        return Buffer.from(this.#add(args.slice(4)));
      case 'XREVRANGE': {
        const newest = this.#stream.at(-1);
        return newest ? [[Buffer.from(newest.id), newest.fields.map((field) => Buffer.from(field))]] : [];
      }
      case 'EVAL':
        return this.#append(tableOf(String(args[1])), args.slice(3));
      default:
        return new RefusedCommand(`ERR unknown command '${word}'`);
    }
  }

  /** What the agent's script does (`src/backendai/redis/event-stream.ts`): each number of a series is taken once. */
  #append(stored: Map<string, string>, [series = '', from = '', , ...fields]: RedisCommand): RedisReply {
    const first = Number(String(from));
    let last = first - 1;
    if (stored.get('series') === String(series)) last = Math.max(last, Number(stored.get('sequence')));
    for (let at = 0; at < fields.length; at += 3) {
      const sequence = first + at / 3;
      if (sequence <= last) continue;
      const [name = '', source = '', args = ''] = fields.slice(at, at + 3);
      this.#add(['name', name, 'source', source, 'args', args]);
      last = sequence;
    }
    if (fields.length > 0) stored.set('series', String(series)).set('sequence', String(last));
    return Buffer.from(String(last));
  }

  #add(fields: StreamEntry['fields']): string {
    this.#entries += 1;
    const id = `${this.#entries}-0`;
    const entry = { id, fields };
    this.#stream.push(entry);
    // Managers trim it while they live.
    if (this.#stream.length > 100) this.#stream.shift();
    this.onEntry(entry);
    for (const reader of [...this.#readers]) {
      const found = this.#after(reader.after);
      if (found === null) continue;
      this.#readers.delete(reader);
      reader.reply(found);
    }
    return id;
  }

  /** `XREAD COUNT n BLOCK ms STREAMS key id`. */
  #read({ owner }: ServedConnection, command: RedisCommand): RedisReply | Promise<RedisReply> {
    const after = String(command.at(-1));
    const found = this.#after(after);
    if (found !== null) return found;
    const { promise, resolve } = Promise.withResolvers<RedisReply>();
    const { timeline, world } = this.service;
    const reader: Waiting = { after, reply: (entries) => timeline.schedule(1, owner, () => resolve(entries)) };
    this.#readers.add(reader);
    timeline.schedule(Number(String(command[4])), world, () => {
      if (this.#readers.delete(reader)) reader.reply(null);
    });
    return promise;
  }

  #after(id: string): RedisReply {
    const place = Number(id.split('-')[0]);
    const entries = this.#stream.filter((entry) => Number(entry.id.split('-')[0]) > place);
    if (entries.length === 0) return null;
    const reply = entries.map((one) => [Buffer.from(one.id), one.fields.map((field) => Buffer.from(field))]);
    return [[Buffer.from('events'), reply]];
  }
}
