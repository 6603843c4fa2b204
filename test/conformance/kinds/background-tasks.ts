/** Vectors of background tasks: the record that a task leaves, and the events that tell of it. */
import { isDeepStrictEqual } from 'node:util';
import { BackgroundTaskRecords, type TaskEnd } from '../../../src/backendai/redis/task-records.ts';
import { eventArguments } from '../../../src/backendai/wire/events/agent-event.ts';
import { MemoryRedis } from '../../support/cluster/memory-redis.ts';
import { encodeStreamEvent } from '../../support/manager-wire.ts';
import { type CaseResult, isObject, itemsOf, type JsonObject, type VectorKind } from '../vector-kind.ts';

interface Stored {
  readonly db: number;
  readonly type: string;
  readonly ttl_s: number;
  readonly hash: Readonly<Record<string, string>>;
}

interface RecordedEvent {
  readonly name: string;
  readonly source: string;
  readonly args_hex: string;
  readonly args: readonly unknown[];
}

const ends: Readonly<Record<string, TaskEnd>> = {
  bgtask_done: 'done',
  bgtask_cancelled: 'cancelled',
  bgtask_failed: 'failed',
};

/** Does what the recorded events tell of. */
async function check(fields: JsonObject): Promise<string | null> {
  const task = String(fields['task_id']);
  const [[key, stored] = ['', undefined]] = Object.entries(fields['hash_at_end'] as Readonly<Record<string, Stored>>);
  if (!stored) return 'has no record';
  const at = Number(stored.hash['started_at']) * 1000;
  const redis = new MemoryRedis();
  const records = new BackgroundTaskRecords(redis);
  await records.start(task, at);
  for (const event of fields['events'] as readonly RecordedEvent[]) {
    const problem = await follow(event, task, records, at);
    if (problem !== null) return problem;
  }
  const held = redis.keys.get(`bgtask.${task}`);
  const hash = held?.value instanceof Map ? Object.fromEntries(held.value) : {};
  const late = Math.abs((held?.expirySeconds ?? -1) - stored.ttl_s) > 1;
  const got = { db: 4, type: 'hash', ttl_s: late ? held?.expirySeconds : stored.ttl_s, hash };
  return key === `bgtask.${task}` && isDeepStrictEqual(got, stored) ? null : `the record is ${JSON.stringify(got)}`;
}

async function follow(
  { name, source, args, args_hex: hex }: RecordedEvent,
  task: string,
  records: BackgroundTaskRecords,
  at: number,
): Promise<string | null> {
  const status = ends[name];
  let sent: readonly unknown[];
  if (name === 'bgtask_updated') {
    const [current, total, message] = args.slice(1) as [number, number, string | null];
    await records.progress(task, { current, total, message: message ?? '' }, at);
    sent = eventArguments('bgtask_updated', { task, current, total, message });
  } else if (status) {
    const message = args[1] as string | null;
    await records.end(task, status, message ?? '', at);
    sent = eventArguments(name as 'bgtask_done', { task, message });
  } else {
    return `the event ${name} tells of no task`;
  }
  const encoded = encodeStreamEvent({ name, source, args: sent as Parameters<typeof encodeStreamEvent>[0]['args'] });
  if (!isDeepStrictEqual(sent, args)) return `${name} is ${JSON.stringify(sent)}`;
  return Buffer.from(encoded.args).toString('hex') === hex ? null : `the bytes of ${name} differ`;
}

export const backgroundTasks: VectorKind = {
  name: 'background tasks',
  recognises: (document) => isObject(document) && !!itemsOf(document, 'cases')?.every((one) => 'task_id' in one),
  async run(document) {
    const results: CaseResult[] = [];
    for (const fields of itemsOf(document, 'cases') ?? []) {
      const problem = await check(fields).catch((error: unknown) => `threw ${error}`);
      results.push({ id: String(fields['case']), problem });
    }
    return results;
  },
};
