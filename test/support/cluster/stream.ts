/** What is on the event stream. */

import type { RedisReply } from '../../../src/backendai/redis/connection.ts';
import type { RedisLink } from '../../../src/backendai/redis/link.ts';

export interface SeenEvent {
  readonly name: string;
  readonly source: string;
  readonly args: string;
  /** Milliseconds since the epoch, by the server's clock. */
  readonly at: number;
}

/** All entries, oldest first, their arguments as hexadecimal digits. */
export async function entriesOf(link: RedisLink): Promise<readonly SeenEvent[]> {
  const reply = await link.call(['XRANGE', 'events', '-', '+']);
  return (reply as readonly [RedisReply, readonly RedisReply[]][]).map(([id, fields]) => {
    const values = new Map<string, RedisReply>();
    for (let at = 0; at < fields.length; at += 2) values.set(String(fields[at]), fields[at + 1] ?? null);
    return {
      name: String(values.get('name')),
      source: String(values.get('source')),
      args: (values.get('args') as Buffer).toString('hex'),
      at: Number(String(id).split('-')[0]),
    };
  });
}
