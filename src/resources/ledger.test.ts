import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KernelId } from '../lib/ids.ts';
import { parseKernelId } from '../lib/ids.ts';
import { Ledger } from './ledger.ts';
import { SlotLedger } from './slot-ledger.ts';

const kernel = (index: number): KernelId => parseKernelId(`00000000-0000-4000-8000-${String(index).padStart(12, '0')}`);
const text = { name: 'things', format: String };
const texts = { a: text, b: text };

describe('Ledger', () => {
  it('takes all or nothing', () => {
    const ledger = new Ledger({ a: 10, b: 1 }, texts);
    ledger.acquire(kernel(1), 'x', { a: 4, b: 1 });
    expect(() => ledger.acquire(kernel(2), 'x', { a: 4, b: 1 })).toThrow('not enough things: 1 asked for, 0 of 1 free');
    expect([ledger.used('a'), ledger.free('a'), ledger.holds(kernel(2), 'x')]).toEqual([4, 6, false]);
  });

  it('restores beyond the total, without a negative rest', () => {
    const ledger = new Ledger({ a: 10, b: 10 }, texts);
    ledger.restore(kernel(1), 'x', { a: 25, b: 0 });
    expect([ledger.used('a'), ledger.free('a')]).toEqual([25, 0]);
    expect(() => ledger.acquire(kernel(2), 'x', { a: 1, b: 0 })).toThrow('0 of 10 free');
  });

  it('refuses a lease that is held, and amounts that are none', () => {
    const ledger = new Ledger({ a: 10, b: 10 }, texts);
    ledger.acquire(kernel(1), 'x', { a: 1, b: 1 });
    expect(() => ledger.acquire(kernel(1), 'x', { a: 1, b: 1 })).toThrow('already');
    for (const bad of [-1, 0.5, Number.NaN, Infinity]) {
      expect(() => ledger.acquire(kernel(2), 'x', { a: bad, b: 0 })).toThrow('whole number');
      expect(() => ledger.restore(kernel(2), 'x', { a: bad, b: 0 })).toThrow('whole number');
    }
    expect(ledger.leases()).toEqual([{ kernel: kernel(1), lease: 'x', amounts: { a: 1, b: 1 } }]);
  });

  it('keeps its sums whatever happens: they equal a plain model, nothing is negative, all comes back', () => {
    const amount = fc.nat({ max: 60 });
    const id = fc.tuple(fc.nat({ max: 3 }), fc.constantFrom('x', 'y'));
    const command = fc.oneof(
      fc.record({ kind: fc.constant('acquire' as const), id, a: amount, b: amount }),
      fc.record({ kind: fc.constant('restore' as const), id, a: amount, b: amount }),
      fc.record({ kind: fc.constant('release' as const), id, a: amount, b: amount }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
        const ledger = new Ledger({ a: 100, b: 100 }, texts);
        const model = new Map<string, { a: number; b: number; index: number; lease: string }>();
        let absent = 0;
        const sum = (resource: 'a' | 'b') => [...model.values()].reduce((total, lease) => total + lease[resource], 0);
        for (const {
          kind,
          id: [index, lease],
          a,
          b,
        } of commands) {
          const key = `${index}/${lease}`;
          if (kind === 'release') {
            if (!model.delete(key)) absent += 1;
            ledger.release(kernel(index), lease);
          } else {
            const fits = kind === 'restore' || (a <= Math.max(0, 100 - sum('a')) && b <= Math.max(0, 100 - sum('b')));
            const enter = () => ledger[kind](kernel(index), lease, { a, b });
            if (model.has(key) || !fits) expect(enter).toThrow();
            else {
              enter();
              model.set(key, { a, b, index, lease });
            }
          }
          for (const resource of ['a', 'b'] as const) {
            expect(ledger.used(resource)).toBe(sum(resource));
            expect(ledger.free(resource)).toBe(Math.max(0, 100 - sum(resource)));
          }
          expect(ledger.absentReleases).toBe(absent);
        }
        for (const { index, lease } of model.values()) expect(ledger.release(kernel(index), lease)).toBe(true);
        expect([ledger.free('a'), ledger.free('b'), ledger.leases()]).toEqual([100, 100, []]);
      }),
    );
  });
});

describe('SlotLedger', () => {
  it('counts fractions of CPUs exactly', () => {
    const slots = new SlotLedger({ cpus: 1, memoryBytes: 1000 });
    for (let index = 0; index < 10; index += 1) slots.lease(kernel(index), { cpus: 0.1, memoryBytes: 100 });
    expect(slots.use()).toEqual({ cpus: { total: 1, used: 1 }, memoryBytes: { total: 1000, used: 1000 } });
    for (let index = 0; index < 10; index += 1) slots.release(kernel(index));
    slots.release(kernel(0));
    expect([slots.use().cpus.used, slots.use().memoryBytes.used, slots.absentReleases]).toEqual([0, 0, 1]);
  });

  it('names what is lacking', () => {
    const slots = new SlotLedger({ cpus: 2, memoryBytes: 2 ** 31 });
    slots.adopt(kernel(1), { cpus: 1.5, memoryBytes: 2 ** 30 });
    expect(slots.holds(kernel(1))).toBe(true);
    expect(() => slots.lease(kernel(2), { cpus: 1, memoryBytes: 1 })).toThrow(
      'not enough CPUs: 1 asked for, 0.5 of 2 free',
    );
    expect(() => slots.lease(kernel(2), { cpus: 0.5, memoryBytes: 2 ** 31 })).toThrow(
      'not enough memory: 2 GiB asked for, 1 GiB of 2 GiB free',
    );
  });
});
