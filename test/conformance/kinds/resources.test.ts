import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { damageAt } from '../damage.ts';
import { vectorFiles } from '../run-vectors.ts';
import { itemsOf, type JsonObject } from '../vector-kind.ts';
import { resources } from './resources.ts';

const folder = path.resolve(import.meta.dirname, '..', '..', 'vectors', 'resources');
const cases: readonly JsonObject[] = (await vectorFiles(folder)).flatMap(
  (file) => itemsOf(JSON.parse(readFileSync(file, 'utf8')), 'cases') ?? [],
);
const row = (field: string | number) => ['rows', 0, field];

/** A value that each kind of case must compare. */
const compared: Readonly<Record<string, readonly (string | number)[]>> = {
  affinity_graph: ['expect', 'nodes'],
  affinity_neighbors: ['expect', 'primary'],
  align_memory: row(3),
  alloc_map: ['steps', 0, 'after'],
  allocate: ['steps', 0, 'after'],
  attached_devices: ['expect'],
  binary_size_format: row('auto'),
  binary_size_parse: row('expect'),
  capacity: ['expect'],
  cpuset: row('expect'),
  density: row(3),
  distribute: row('expect'),
  docker_args: ['expect'],
  exclusive: row('expect'),
  metadata: ['expect'],
  metric: ['expect'],
  mock_config: ['expect'],
  mock_limits: row('mem'),
  mock_share: row('share'),
  moving_stat: ['expect'],
  resource_data: ['expect'],
  resource_txt_read: ['expect'],
  resource_txt_write: ['expect'],
  round_down: row('expect'),
  scan_usage: ['expect'],
  shmem: ['expect'],
  slot_compare: row('eq'),
  slot_json: row('expect'),
  slot_known: row('expect'),
  slot_normalize: row('expect'),
  stat_payload: ['value'],
};

describe('resource vectors', () => {
  it('are of the kinds that are known', () => {
    expect(new Set(cases.map(({ kind }) => kind))).toEqual(new Set(Object.keys(compared)));
  });

  it.each(Object.entries(compared))('fail when a value of %s is damaged', async (kind, place) => {
    const broken = cases.filter((item) => item['kind'] === kind).map((item) => damageAt(item, place));
    const present = broken.filter((item) => item !== undefined);
    expect(present.length).toBeGreaterThan(0);
    const results = await resources.run({ cases: present });
    expect(results.filter(({ problem }) => problem === null)).toEqual([]);
  });

  it('fail when an error, a result or an order of an allocation is damaged', async () => {
    for (const part of ['error', 'result', 'order']) {
      const broken = cases.flatMap((item) => {
        const steps = item['steps'];
        if (!Array.isArray(steps)) return [];
        const index = steps.findIndex((step) => step.expect?.[part] !== undefined);
        const place = part === 'error' ? [part, 'class'] : [part];
        const other = index < 0 ? undefined : damageAt(item, ['steps', index, 'expect', ...place]);
        return other === undefined ? [] : [other];
      });
      expect(broken.length).toBeGreaterThan(0);
      const results = await resources.run({ cases: broken });
      expect(results.filter(({ problem }) => problem === null)).toEqual([]);
    }
  });

  it('fail for a kind of case or a step that is not known', async () => {
    const steps = { kind: 'alloc_map', map: { type: 'discrete', strategy: 'fill', devices: [] } };
    const results = await resources.run({
      cases: [
        { id: 'a', kind: 'toString' },
        { id: 'b', ...steps, steps: [{ op: 'guess' }] },
        { id: 'c', ...steps, steps: [] },
        { id: 'd', ...steps, steps: [{ op: 'clear' }], versions: [] },
      ],
    });
    expect(results.map(({ problem }) => problem)).toEqual([
      'no check for the kind toString',
      '24.09: step 0 (guess): unknown op guess',
      '24.09: has no steps',
      'names no version',
    ]);
  });
});
