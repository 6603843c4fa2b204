import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { damageAt } from '../damage.ts';
import { itemsOf, type JsonObject } from '../vector-kind.ts';
import { managerTraffic } from './manager-traffic.ts';

const folder = path.resolve(import.meta.dirname, '..', '..', 'vectors', 'manager-traffic');
const documents = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as JsonObject);
const calls = documents.flatMap((document) => itemsOf(document, 'calls') ?? []);
const entries = documents.flatMap((document) => itemsOf(document, 'events') ?? []);

const problems = async (document: unknown): Promise<number> =>
  (await managerTraffic.run(document)).filter(({ problem }) => problem !== null).length;

/** How many of the items have a leaf at the place; each of them must fail when it is damaged. */
async function damagedAt(list: 'calls' | 'events', items: readonly JsonObject[], place: readonly (string | number)[]) {
  let tried = 0;
  for (const item of items) {
    const broken = damageAt(item, place);
    if (broken === undefined) continue;
    tried += 1;
    const found = await problems({ scenario: 'x', calls: [], events: [], [list]: [broken] });
    if (found !== 1) throw new Error(`goes unnoticed in ${JSON.stringify(item).slice(0, 300)}`);
  }
  return tried;
}

describe('recorded traffic of a manager', () => {
  // @promise same-bytes
  it('passes, call by call and entry by entry', async () => {
    const results = await Promise.all(documents.map((document) => managerTraffic.run(document)));
    expect(results.flat().filter(({ problem }) => problem !== null)).toEqual([]);
    expect([calls.length, entries.length, results.flat().length]).toEqual([135, 1050, 1185]);
    expect(entries.filter((entry) => 'fields_b64' in entry)).toHaveLength(333);
  });

  it.each([
    [['method'], 135],
    [['header'], 135],
    [['args'], 134],
    [['request_frames_b64', 1], 135],
    [['request_frames_b64', 2], 135],
    [['reply', 'type'], 133],
    [['reply', 'result'], 121],
    [['reply', 'failure'], 11],
    [['reply', 'reply_frames_b64', 2], 133],
    [['cancel_frames_b64', 1], 1],
  ] as const)('notices a damaged %j in every call that has one', async (place, count) => {
    expect(await damagedAt('calls', calls, place)).toBe(count);
  });

  it.each([
    [['name'], 333],
    [['source'], 333],
    [['args'], 333],
    [['fields_b64', 'name'], 333],
    [['fields_b64', 'source'], 333],
    [['fields_b64', 'args'], 333],
  ] as const)('notices a damaged %j in each of the entries that have bytes', async (place, count) => {
    const inBytes = entries.filter((entry) => 'fields_b64' in entry);
    expect(await damagedAt('events', inBytes, place)).toBe(count);
  });

  it('refuses a file without calls or entries', async () => {
    await expect((async () => managerTraffic.run({ scenario: 'x', events: [] }))()).rejects.toThrow('no list of calls');
  });
});
