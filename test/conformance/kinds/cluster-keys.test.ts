import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { damageAt } from '../damage.ts';
import { isObject, itemsOf, type VectorKind } from '../vector-kind.ts';
import { backgroundTasks } from './background-tasks.ts';
import { capturedEtcd, etcd } from './etcd.ts';
import { redisKeys } from './redis-keys.ts';

const read = (name: string): unknown =>
  JSON.parse(readFileSync(path.resolve(import.meta.dirname, '..', '..', 'vectors', name), 'utf8'));
const problems = async (kind: VectorKind, document: unknown) =>
  (await kind.run(document)).filter(({ problem }) => problem !== null);

/** What a case writes, which may be anything: no reading of it is recorded beside it. */
const free = new Set(['case', 'input', 'value', 'after', 'etcd']);

describe('the vectors of etcd', () => {
  const document = read('events/etcd-24.09.json');
  const cases = itemsOf(document, 'cases') ?? [];

  it('pass', async () => {
    expect(etcd.recognises(document)).toBe(true);
    expect(await problems(etcd, document)).toEqual([]);
    expect(cases).toHaveLength(10);
  });

  it.each(
    cases.flatMap((fields, index) =>
      Object.keys(fields)
        .filter((field) => !free.has(field))
        .map((field) => [field, index] as const),
    ),
  )('notice a damaged %s of case %i', async (field, index) => {
    expect(await problems(etcd, damageAt(document, ['cases', index, field]))).not.toEqual([]);
  });

  it('notice other keys than those that were written', async () => {
    const text = JSON.stringify(document);
    for (const [key, other] of [
      ['a%3Ab%40c', 'a:b%40c'],
      [
        'config/redis/redis_helper_config/socket_timeout":"9.0"',
        'config/redis/redis_helper_config/socket_timeout":"9"',
      ],
    ] as const) {
      expect(await problems(etcd, JSON.parse(text.replace(key, other)))).toHaveLength(1);
    }
  });

  it('refuse a field that is not known', async () => {
    const other = { ...(document as object), cases: [{ case: 'x', strange: 1 }] };
    expect(await problems(etcd, other)).toEqual([{ id: 'x', problem: expect.stringContaining('strange') }]);
  });
});

describe('the captured keys of etcd', () => {
  const document = read('captured/etcd-after-registration.json');

  it('pass, and notice a damaged address or status', async () => {
    expect(capturedEtcd.recognises(document)).toBe(true);
    expect(await problems(capturedEtcd, document)).toEqual([]);
    const broken = JSON.parse(JSON.stringify(document).replace('"running"', '"runnin"'));
    expect(await problems(capturedEtcd, broken)).toHaveLength(1);
    const moved = JSON.parse(JSON.stringify(document).replace('i-drv/ip', 'i-drv/pi'));
    expect(await problems(capturedEtcd, moved)).toHaveLength(1);
  });
});

describe('the vectors of keys in Redis', () => {
  const document = read('events/redis-keys-24.09.json');
  const groups = Object.entries(isObject(document) ? document : {}).filter(([, fields]) => isObject(fields));

  it('pass', async () => {
    expect(redisKeys.recognises(document)).toBe(true);
    expect(await problems(redisKeys, document)).toEqual([]);
    expect(groups).toHaveLength(4);
  });

  it.each(
    groups.flatMap(([group, fields]) => {
      const [key = ''] = Object.keys(((fields as { redis?: object }).redis ?? {}) as object);
      return ['db', 'type', 'ttl_s'].map((field) => [group, key, field] as const);
    }),
  )('notice a damaged %s %s %s', async (group, key, field) => {
    expect(await problems(redisKeys, damageAt(document, [group, 'redis', key, field]))).toHaveLength(1);
  });

  it('notice another value of a commit', async () => {
    const other = JSON.parse(JSON.stringify(document).replace('6f6e676f696e67', '6f6e676f696e68'));
    expect(await problems(redisKeys, other)).toHaveLength(1);
  });
});

describe('the vectors of background tasks', () => {
  const document = read('events/bgtask-24.09.json');
  const cases = itemsOf(document, 'cases') ?? [];

  it('pass', async () => {
    expect(backgroundTasks.recognises(document)).toBe(true);
    expect(await problems(backgroundTasks, document)).toEqual([]);
    expect(cases).toHaveLength(2);
  });

  it.each([['task_id'], ['hash_at_end'], ['events', 0, 'args_hex'], ['events', 0, 'args', 0], ['events', 0, 'name']])(
    'notice a damaged %s %s %s',
    async (...place) => {
      for (const index of cases.keys()) {
        expect(await problems(backgroundTasks, damageAt(document, ['cases', index, ...place]))).toHaveLength(1);
      }
    },
  );
});
