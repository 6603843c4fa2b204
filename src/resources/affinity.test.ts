import { expect, it } from 'vitest';
import { AffinityMap } from './affinity.ts';

it('orders nodes by number, then those of cloud hosts, then the unknown', () => {
  const numa = [null, -1, 10, 2] as const;
  const map = new AffinityMap(
    ['cpu', 'gpu'].flatMap((device) => numa.map((node) => ({ device, id: String(node), numa: node }))),
  );
  const sources = numa.map((node) => ({ device: 'gpu', id: String(node) }));
  const { primary, secondary } = map.neighbours([...sources, { device: 'gpu', id: 'gone' }], 'cpu');
  expect(primary.map((ids) => [...ids])).toEqual([['2'], ['10'], ['-1'], ['null']]);
  expect(secondary.size).toBe(0);
  expect(map.distance({ device: 'cpu', id: '2' }, { device: 'gpu', id: 'gone' })).toBeUndefined();
  expect(map.distance({ device: 'cpu', id: 'gone' }, { device: 'gpu', id: '2' })).toBeUndefined();
});

it('devices of one node are at distance 0, others at 1, and of two reports of a device the first counts', () => {
  const place = (device: string, id: string, numa: number) => ({ device, id, numa });
  const [cpu, near, far] = [place('cpu', '0', 0), place('gpu', '0', 0), place('gpu', '1', 1)];
  const devices = [cpu, near, far];
  const map = new AffinityMap([...devices, place('gpu', '0', 1)]);
  expect([map.distance(cpu, near), map.distance(near, far)]).toEqual([0, 1]);
  expect([map.devices, map.kinds]).toEqual([devices, ['cpu', 'gpu']]);
});

it('puts larger groups of a node first, and knows none of a kind that there is none of', () => {
  const map = new AffinityMap([0, 1, 1, 2].map((numa, index) => ({ device: 'gpu', id: String(index), numa })));
  expect(map.clusters('gpu').map((ids) => [...ids])).toEqual([['1', '2'], ['0'], ['3']]);
  expect(map.clusters('npu')).toEqual([]);
});

it('answers the same however many other questions were asked meanwhile', () => {
  const map = new AffinityMap([
    { device: 'src', id: 's', numa: 1 },
    { device: 'gpu', id: 'far', numa: 0 },
    { device: 'gpu', id: 'near', numa: 1 },
  ]);
  const ask = (kind: string) => map.neighbours([{ device: 'src', id: 's' }], kind);
  const places = new Map([
    ['near', 0],
    ['far', 1],
  ]);
  expect(ask('gpu').places).toEqual(places);
  for (let kind = 0; kind < 300; kind += 1) expect(ask(`kind${kind}`).places.size).toBe(0);
  expect(ask('gpu').places).toEqual(places);
});
