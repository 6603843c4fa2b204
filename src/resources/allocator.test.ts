import { describe, expect, it } from 'vitest';
import { Decimal, plainText } from '../lib/decimal.ts';
import { AffinityMap } from './affinity.ts';
import { AllocationMap } from './allocation-map.ts';
import { Allocator, completeOrder } from './allocator.ts';
import { ResourceError } from './resource-error.ts';

/** Two devices of capacity 1 of each type, one on each of two nodes. */
function node(types: readonly string[], order: readonly string[]): Allocator {
  const maps = new Map(
    types.map((type) => {
      const devices = ['0', '1'].map((id) => ({ id, slot: type, type: 'count', amount: new Decimal(1) }) as const);
      return [type, new AllocationMap({ kind: 'discrete', strategy: 'evenly', devices })] as const;
    }),
  );
  const affinity = new AffinityMap(
    types.flatMap((device) => ['0', '1'].map((id) => ({ device, id, numa: Number(id) }))),
  );
  return new Allocator({ maps, affinity, order, policy: 'interleaved' });
}
const ask = (amounts: Readonly<Record<string, number>>) =>
  new Map(Object.entries(amounts).map(([slot, amount]) => [slot, new Decimal(amount)] as const));
const used = (allocator: Allocator): unknown =>
  [...allocator.allocated()].map(([type, slots]) =>
    [type, ...[...slots.values()].flatMap((amounts) => [...amounts.values()].map(plainText))].join(' '),
  );

describe('completeOrder', () => {
  it('puts types that the configuration lacks before cpu, in plugin order', () => {
    expect(completeOrder(['cuda', 'cpu', 'mem'], ['ipu', 'cuda', 'npu', 'cpu', 'mem'])).toEqual(
      'cuda ipu npu cpu mem'.split(' '),
    );
    expect(completeOrder([], ['cpu', 'mem'])).toEqual(['cpu', 'mem']);
  });
});

describe('Allocator', () => {
  it('allocates types that the order lacks, and takes nothing when the last one fails', () => {
    const allocator = node(['npu', 'cpu', 'mem'], ['cpu', 'mem']);
    expect([...allocator.allocate(ask({ cpu: 1, npu: 1, mem: 1 })).keys()]).toEqual(['npu', 'cpu', 'mem']);
    const before = used(allocator);
    expect(() => allocator.allocate(ask({ npu: 1, cpu: 1, mem: 2 }))).toThrow('not enough memory: 2 asked for, 1 free');
    expect(used(allocator)).toEqual(before);
  });

  it('refuses a slot of no device, unless nothing of it is asked for', () => {
    const allocator = node(['cpu'], ['cpu']);
    const refused = () => allocator.allocate(ask({ cpu: 1, 'tpu.device': 1 }));
    expect(refused).toThrow(new ResourceError({ kind: 'unknown-slot', slot: 'tpu.device' }));
    expect(used(allocator)).toEqual(['cpu 0 0']);
    expect(allocator.allocate(ask({ cpu: 1, 'tpu.device': 0 })).size).toBe(1);
  });

  it('enters what a kernel has of types that the node has lost, names it, and gives the rest back', () => {
    const allocator = node(['cpu'], ['cpu']);
    const one = (slot: string, id: string) => new Map([[slot, new Map([[id, new Decimal(1)]])]]);
    const held = new Map([
      ['cpu', one('cpu', '0')],
      ['npu', one('npu.device', '3')],
    ]);
    expect(allocator.apply(held)).toEqual(['npu.device 3']);
    expect(used(allocator)).toEqual(['cpu 1 0']);
    allocator.free(held);
    expect(used(allocator)).toEqual(['cpu 0 0']);
  });

  it('places a type near the one before it', () => {
    const allocator = node(['npu', 'cpu'], ['npu', 'cpu']);
    allocator.allocate(ask({ npu: 1 }));
    const allocation = allocator.allocate(ask({ npu: 1, cpu: 1 }));
    expect(
      [...allocation.values()].map((slots) => [...slots.values()].flatMap((amounts) => [...amounts.keys()])),
    ).toEqual([['1'], ['1']]);
  });
});
