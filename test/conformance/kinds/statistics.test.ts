import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { damageAt } from '../damage.ts';
import { itemsOf } from '../vector-kind.ts';
import { statistics } from './statistics.ts';

const file = path.resolve(import.meta.dirname, '..', '..', 'vectors', 'events', 'stats-24.09.json');
const document: unknown = JSON.parse(readFileSync(file, 'utf8'));

it('passes over all rounds', async () => {
  expect(await statistics.run(document)).toEqual([0, 1, 2].map((round) => ({ id: `round ${round}`, problem: null })));
});

it.each(
  Object.keys((itemsOf(document, 'rounds')?.[1]?.['redis'] ?? {}) as object).flatMap((key) => [
    ['redis', key, 'decoded'],
    ['redis', key, 'ttl_s'],
    ['redis', key, 'db'],
  ]),
)('notices a damaged %s %s %s', async (...place) => {
  const results = await statistics.run(damageAt(document, ['rounds', 1, ...place]));
  expect(results.map(({ problem }) => problem !== null)).toEqual([false, true, false]);
});

it('notices damaged inputs, and commands that say another time', async () => {
  const results = await statistics.run(damageAt(document, ['rounds', 1, 'inputs']));
  expect(results[1]?.problem).not.toBeNull();
  const other: unknown = JSON.parse(readFileSync(file, 'utf8').replaceAll('\\"EX\\" \\"8\\"', '\\"EX\\" \\"9\\"'));
  for (const { problem } of await statistics.run(other)) expect(problem).toContain('is set for 9 s, not 8');
});
