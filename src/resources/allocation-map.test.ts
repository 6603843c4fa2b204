import { describe, expect, it } from 'vitest';
import { Decimal, plainText } from '../lib/decimal.ts';
import { AffinityMap, type DeviceReference } from './affinity.ts';
import type { Allocation } from './allocation.ts';
import { AllocationMap, type AllocationMapOptions } from './allocation-map.ts';

type Amounts = Readonly<Record<string, string>>;

const mapOf = (kind: AllocationMapOptions['kind'], strategy: AllocationMapOptions['strategy'], amounts: Amounts) =>
  new AllocationMap({
    kind,
    strategy,
    devices: Object.entries(amounts).map(([id, amount]) => ({
      id,
      slot: id.startsWith('y') ? 'y' : 'x',
      type: 'count',
      amount: new Decimal(amount),
    })),
  });
const of = (slot: string, amounts: Amounts): Allocation =>
  new Map([[slot, new Map(Object.entries(amounts).map(([id, amount]) => [id, new Decimal(amount)] as const))]]);
const text = (allocation: Allocation): unknown =>
  Object.fromEntries([...allocation.values()].flatMap((amounts) => [...amounts].map(([id, a]) => [id, plainText(a)])));
const slots = (...pairs: readonly (readonly [string, string])[]) => ({
  slots: pairs.map(([slot, amount]) => [slot, new Decimal(amount)] as const),
});

describe('AllocationMap', () => {
  it('takes nothing of the first slot when the second fails', () => {
    const map = mapOf('discrete', 'evenly', { x0: '4', y0: '1' });
    expect(() => map.allocate(slots(['x', '2'], ['y', '2']))).toThrow('not enough y: 2 asked for, 1 free');
    expect(text(map.allocated())).toEqual({ x0: '0', y0: '0' });
  });

  it('leaves devices alone that restored kernels hold beyond their capacity', () => {
    const map = mapOf('discrete', 'evenly', { x0: '2', x1: '2' });
    expect(map.apply(of('x', { x0: '5', gone: '1' }))).toEqual(['x gone']);
    expect(() => map.allocate(slots(['x', '3']))).toThrow('not enough x: 3 asked for, 2 free');
    expect(text(map.allocate(slots(['x', '2'])))).toEqual({ x1: '2' });
    expect(text(map.allocated())).toEqual({ x0: '5', x1: '2' });
    map.free(of('x', { x0: '5', gone: '1' }));
    expect(text(map.allocated())).toEqual({ x0: '0', x1: '2' });
  });

  it('shares whole units out as if devices with a part of one left could give them, and is not stopped by those', () => {
    const map = mapOf('discrete', 'evenly', { x0: '1000000000000', x1: '0.5', x2: '4', x3: '1.5' });
    expect(text(map.allocate(slots(['x', '5'])))).toEqual({ x0: '3', x2: '1', x3: '1' });
    const hint = {
      devices: [{ device: 'src', id: 's' }],
      affinity: new AffinityMap([
        { device: 'src', id: 's', numa: 0 },
        { device: 'x', id: 'x0', numa: 0 },
        { device: 'x', id: 'x1', numa: 1 },
      ]),
      policy: 'interleaved',
      rule: '24.09',
    } as const;
    const near = mapOf('discrete', 'evenly', { x0: '0.5', x1: '5' });
    expect(text(near.allocate({ ...slots(['x', '1']), hint }))).toEqual({ x1: '1' });
    const parts = mapOf('discrete', 'evenly', { x0: '0.5', x1: '0.5' });
    expect(() => parts.allocate(slots(['x', '1']))).toThrow('too many repeats until allocation');
    expect(text(parts.allocated())).toEqual({ x0: '0', x1: '0' });
  });

  it('makes no slot of one that no device has', () => {
    const map = mapOf('discrete', 'fill', { x0: '1' });
    expect(() => map.allocate(slots(['z', '1']))).toThrow('not enough z: 1 asked for, 0 free');
    expect([...map.allocated().keys()]).toEqual(['x']);
    expect(map.allocate(slots(['z', '0'], ['x', '-1'])).size).toBe(0);
  });

  it.each([
    ['discrete', 'fill'],
    ['discrete', 'evenly'],
    ['fraction', 'fill'],
    ['fraction', 'evenly'],
  ] as const)('refuses more than there is, however much (%s, %s)', (kind, strategy) => {
    const map = mapOf(kind, strategy, { x0: '1', x1: '1' });
    for (const amount of ['3', '1e300', 'Infinity']) {
      expect(() => map.allocate(slots(['x', amount]))).toThrow(/^not enough x: .* asked for, 2 free$/);
    }
    expect(() => mapOf(kind, strategy, {}).allocate(slots(['x', '0.001']))).not.toThrow(TypeError);
    expect(text(map.allocated())).toEqual({ x0: '0', x1: '0' });
  });

  it('passes over devices of a hint that nobody knows', () => {
    const affinity = new AffinityMap(['x0', 'x1'].map((id, numa) => ({ device: 'x', id, numa })));
    const near = (...ids: readonly string[]) => ids.map((id) => ({ device: 'x', id }));
    for (const rule of ['24.09', '26.8'] as const) {
      const hint = { affinity, policy: 'interleaved', rule } as const;
      const given = (devices: readonly DeviceReference[]) =>
        text(
          mapOf('discrete', 'fill', { x0: '1', x1: '1' }).allocate({
            ...slots(['x', '1']),
            hint: { ...hint, devices },
          }),
        );
      expect(given(near('gone', 'x1'))).toEqual({ x1: '1' });
      expect(given(near('gone'))).toEqual({ x0: '1' });
      expect(given([{ device: 'nothing', id: '' }])).toEqual({ x0: '1' });
    }
  });

  it('refuses a fraction of which the grid of hundredths leaves nothing', () => {
    const map = mapOf('fraction', 'evenly', { x0: '1' });
    expect(() => map.allocate(slots(['x', '0.001']))).toThrow('0.001 of the slot x is less than the smallest share');
    map.apply(of('x', { x0: '1' }));
    expect(() => map.allocate(slots(['x', '0.001']))).toThrow('not enough x: 0.001 asked for, 0 free');
  });

  it('gives a kernel one of several slots that exclude each other', () => {
    const { devices } = mapOf('discrete', 'fill', { x0: '2', y0: '2' }).options;
    const map = new AllocationMap({ kind: 'discrete', strategy: 'fill', devices, exclusive: ['x', 'y'] });
    expect(() => map.allocate(slots(['x', '1'], ['y', '1']))).toThrow('cannot have the slots x and y at once');
    expect(text(map.allocate(slots(['x', '1'], ['y', '0'])))).toEqual({ x0: '1' });
  });

  it('gives one of a slot that is a device of its own kind, and no other amount', () => {
    const unique = (kind: AllocationMapOptions['kind'], strategy: AllocationMapOptions['strategy']) =>
      new AllocationMap({ kind, strategy, devices: [{ id: 'x0', slot: 'x', type: 'unique', amount: new Decimal(1) }] });
    for (const map of [unique('discrete', 'fill'), unique('discrete', 'evenly'), unique('fraction', 'fill')]) {
      expect(() => map.allocate(slots(['x', '0.5']))).toThrow('a kernel can have 1 of the slot x, not another amount');
      expect(text(map.allocate(slots(['x', '1'])))).toEqual({ x0: '1' });
    }
    expect(text(unique('fraction', 'evenly').allocate(slots(['x', '0.5'])))).toEqual({ x0: '0.5' });
  });

  it('gives no fraction from unevenly used devices to who wants none', () => {
    const map = mapOf('fraction', 'fill', { x0: '1', x1: '1' });
    map.apply(of('x', { x0: '0.5', x1: '0.5' }));
    expect(() => map.allocate({ ...slots(['x', '1']), mayFragment: false })).toThrow(
      '1 of the slot x is free on unevenly used devices alone',
    );
    expect(text(map.allocate({ ...slots(['x', '0.5']), mayFragment: false }))).toEqual({ x0: '0.5' });
    expect(text(map.allocate({ ...slots(['x', '0.25']), mayFragment: true }))).toEqual({ x1: '0.25' });
  });

  it('passes over devices with less left than is of use, evenly', () => {
    const map = mapOf('fraction', 'evenly', { x0: '0.3', x1: '0.2', x2: '1' });
    const request = { ...slots(['x', '1.2']), leastUseful: new Decimal('0.3') };
    expect(text(map.allocate(request))).toEqual({ x0: '0.3', x2: '0.9' });
  });

  describe('places the first devices of a kernel by the rule of 26.8', () => {
    const affinity = new AffinityMap(
      ['x0', 'x1', 'x2', 'x3'].map((id, index) => ({ device: 'x', id, numa: index < 2 ? 0 : 1 })),
    );
    const ones = { x0: '1', x1: '1', x2: '1', x3: '1' };
    const hint = (policy: 'interleaved' | 'prefer-single-node') =>
      ({ devices: [], affinity, policy, rule: '26.8' }) as const;

    it('on one node or on all in turn, as the policy has it', () => {
      const given = (policy: 'interleaved' | 'prefer-single-node') =>
        text(mapOf('discrete', 'fill', ones).allocate({ ...slots(['x', '2']), hint: hint(policy) }));
      expect(given('prefer-single-node')).toEqual({ x0: '1', x1: '1' });
      expect(given('interleaved')).toEqual({ x0: '1', x2: '1' });
    });

    it('on the node that is used least', () => {
      const map = mapOf('discrete', 'fill', ones);
      map.apply(of('x', { x0: '1' }));
      expect(text(map.allocate({ ...slots(['x', '2']), hint: hint('prefer-single-node') }))).toEqual({
        x2: '1',
        x3: '1',
      });
      const near = {
        ...hint('interleaved'),
        devices: [
          { device: 'x', id: 'x1' },
          { device: 'x', id: 'x3' },
        ],
      };
      expect(map.order('x', near).map(({ id }) => id)).toEqual(['x1', 'x2', 'x0', 'x3']);
    });

    it('and says which kinds of devices there are when there is none', () => {
      const other = new AffinityMap([{ device: 'cpu', id: '0', numa: 0 }]);
      const order = (map: AffinityMap) => () =>
        mapOf('discrete', 'fill', ones).order('x', { ...hint('interleaved'), affinity: map });
      expect(order(other)).toThrow('no device of the kind x; the node has cpu');
      expect(order(new AffinityMap([]))).toThrow('no device of the kind x; the node has none');
    });
  });

  it('gives nothing of devices whose place nobody knows, when a kernel is placed near others', () => {
    const affinity = new AffinityMap([{ device: 'x', id: 'x0', numa: 0 }]);
    const map = mapOf('discrete', 'evenly', { x0: '1', x1: '5' });
    const hint = { devices: [{ device: 'x', id: 'x0' }], affinity, policy: 'interleaved', rule: '24.09' } as const;
    expect(map.order('x', hint).map(({ id }) => id)).toEqual(['x0']);
    expect(map.order('z', hint)).toEqual([]);
    expect(() => map.allocate({ ...slots(['x', '2']), hint })).toThrow('not enough x: 2 asked for, 6 free');
    expect(text(map.allocated())).toEqual({ x0: '0', x1: '0' });
  });

  it('goes back to a snapshot', () => {
    const map = mapOf('discrete', 'fill', { x0: '5' });
    map.allocate(slots(['x', '1']));
    const snapshot = map.snapshot();
    map.allocate(slots(['x', '2']));
    map.clear();
    map.restore(snapshot);
    expect(text(map.allocated())).toEqual({ x0: '1' });
  });
});
