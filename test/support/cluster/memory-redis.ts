/** The few commands of Redis that write the agent's keys, in memory. */
import type { RedisCommand, RedisReply } from '../../../src/backendai/redis/connection.ts';
import type { KeyWriter } from '../../../src/backendai/redis/link.ts';

export interface HeldKey {
  readonly value: Buffer | Map<string, string>;
  /** −1: it stays. */
  expirySeconds: number;
}

export class MemoryRedis implements KeyWriter {
  readonly keys = new Map<string, HeldKey>();

  async send(commands: readonly RedisCommand[]): Promise<readonly RedisReply[]> {
    for (const command of commands) this.#run(command);
    return commands.map(() => 'OK');
  }

  async call(command: RedisCommand): Promise<RedisReply> {
    this.#run(command);
    return 'OK';
  }

  async transact(commands: readonly RedisCommand[]): Promise<readonly RedisReply[]> {
    return await this.send(commands);
  }

  #run([word, name, ...args]: RedisCommand): void {
    const key = String(name);
    const held = this.keys.get(key);
    switch (word) {
      case 'SET': {
        const expirySeconds = args[1] === 'EX' ? Number(args[2]) : -1;
        this.keys.set(key, { value: Buffer.from(args[0] ?? ''), expirySeconds });
        return;
      }
      case 'EXPIRE':
        if (held) held.expirySeconds = Number(args[0]);
        return;
      case 'HSET': {
        const fields = held?.value instanceof Map ? held.value : new Map<string, string>();
        for (let at = 0; at < args.length; at += 2) fields.set(String(args[at]), String(args[at + 1]));
        this.keys.set(key, { value: fields, expirySeconds: held?.expirySeconds ?? -1 });
        return;
      }
      case 'HDEL':
        for (const field of args) if (held?.value instanceof Map) held.value.delete(String(field));
        return;
      default:
        throw new Error(`the command ${word} is not known here`);
    }
  }
}
