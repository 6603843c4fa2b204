/** The records of background tasks, by which a manager knows how far one is (spec cluster-state 8). */
import type { RedisCommand } from './connection.ts';
import type { KeyWriter } from './link.ts';

const expiryS = '86400';

/** How a task has ended. */
export type TaskEnd = 'done' | 'cancelled' | 'failed';

/** Records in Redis. Every method throws REDIS_UNAVAILABLE, REDIS_REFUSED. */
export class BackgroundTaskRecords {
  readonly #link: KeyWriter;

  constructor(link: KeyWriter) {
    this.#link = link;
  }

  /** Before anybody gets its id. `at`: milliseconds since the epoch. */
  async start(taskId: string, at: number): Promise<void> {
    const fields = { status: 'started', current: '0', total: '0', msg: '', started_at: seconds(at) };
    await this.#link.transact(record(taskId, { ...fields, last_update: seconds(at) }));
  }

  /** How far it is, in units of its own. `at`: milliseconds since the epoch. */
  async progress(
    taskId: string,
    step: { readonly current: number; readonly total: number; readonly message: string },
    at: number,
  ): Promise<void> {
    const fields = { current: String(step.current), total: String(step.total), msg: step.message };
    await this.#link.send(record(taskId, { ...fields, last_update: seconds(at) }));
  }

  /** How it ended; readers find the record for a day. */
  async end(taskId: string, status: TaskEnd, message: string, at: number): Promise<void> {
    await this.#link.transact(record(taskId, { status, msg: message, last_update: seconds(at) }));
  }
}

function record(taskId: string, fields: Readonly<Record<string, string>>): readonly RedisCommand[] {
  const key = `bgtask.${taskId}`;
  return [
    ['HSET', key, ...Object.entries(fields).flat()],
    ['EXPIRE', key, expiryS],
  ];
}

function seconds(at: number): string {
  return String(at / 1000);
}
