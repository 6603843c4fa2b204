import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type KernelId, parseKernelId } from '../lib/ids.ts';
import { PortPool, poolOverlap } from './port-pool.ts';

const kernel = (index: number): KernelId => parseKernelId(`00000000-0000-4000-8000-${String(index).padStart(12, '0')}`);

describe('PortPool', () => {
  it('hands out the port that has been free for longest and lets a freed one rest', async () => {
    const clock = new FakeClock();
    const pool = new PortPool({ first: 10, last: 12, clock });
    expect([pool.lease(kernel(1)), pool.lease(kernel(1)), pool.lease(kernel(2))]).toEqual([10, 11, 12]);
    expect(pool.heldBy(kernel(1))).toEqual([10, 11]);
    pool.release(kernel(1), 11);
    await clock.advance(1000);
    pool.release(kernel(1), 10);
    expect(() => pool.lease(kernel(3))).toThrow(
      'no host port of 10-12 is free: 1 of 3 in use, 2 resting (the next is free in 59.00 s)',
    );
    await clock.advance(59_000);
    expect(pool.lease(kernel(3))).toBe(11);
    expect(() => pool.lease(kernel(3))).toThrow('2 of 3 in use, 1 resting');
    await clock.advance(1000);
    expect(pool.lease(kernel(3))).toBe(10);
  });

  it('counts releases of ports that are not held, without an effect', () => {
    const pool = new PortPool({ first: 10, last: 11, clock: new FakeClock() });
    const port = pool.lease(kernel(1));
    pool.release(kernel(2), port);
    pool.release(kernel(1), 11);
    expect([pool.absentReleases, pool.use()]).toEqual([2, { total: 2, used: 1 }]);
  });

  it('puts a port in foreign use aside for longer', async () => {
    const clock = new FakeClock();
    const pool = new PortPool({ first: 10, last: 11, clock });
    pool.quarantine(10);
    pool.quarantine(999);
    expect(pool.lease(kernel(1))).toBe(11);
    pool.quarantine(11);
    expect(pool.absentReleases).toBe(1);
    await clock.advance(299_999);
    expect(() => pool.lease(kernel(1))).toThrow('no host port');
    await clock.advance(1);
    expect(pool.lease(kernel(1))).toBe(10);
  });

  it('adopts any port once', () => {
    const pool = new PortPool({ first: 10, last: 11, clock: new FakeClock() });
    pool.adopt(kernel(1), 10);
    pool.adopt(kernel(1), 10);
    pool.adopt(kernel(2), 10);
    pool.adopt(kernel(1), 5000);
    expect([pool.heldBy(kernel(1)), pool.heldBy(kernel(2)), pool.conflictingAdoptions]).toEqual([[10, 5000], [], 1]);
    pool.release(kernel(1), 5000);
    expect(pool.lease(kernel(3))).toBe(11);
    expect(() => pool.lease(kernel(3))).toThrow('no host port of 10-11 is free: 2 of 2 in use');
  });

  // @promise nothing-leaks, resources-add-up
  it('never gives one port to two, stays in its range, and gets everything back', async () => {
    const command = fc.record({
      kind: fc.constantFrom('lease', 'release', 'quarantine', 'adopt', 'advance'),
      kernel: fc.nat({ max: 2 }),
      port: fc.integer({ min: 99, max: 106 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        const clock = new FakeClock();
        const pool = new PortPool({ first: 100, last: 104, clock });
        const model = new Map<number, number>();
        for (const { kind, kernel: index, port } of commands) {
          if (kind === 'advance') await clock.advance(port * 600);
          else if (kind === 'quarantine') pool.quarantine(port);
          else if (kind === 'release') {
            pool.release(kernel(index), port);
            if (model.get(port) === index) model.delete(port);
          } else if (kind === 'adopt') {
            pool.adopt(kernel(index), port);
            if (!model.has(port)) model.set(port, index);
          } else {
            let leased: number | undefined;
            try {
              leased = pool.lease(kernel(index));
            } catch (error) {
              expect(error).toMatchObject({ code: 'NO_PORT_LEFT' });
            }
            if (leased === undefined) continue;
            expect(leased).toBeGreaterThanOrEqual(100);
            expect(leased).toBeLessThanOrEqual(104);
            expect(model.has(leased)).toBe(false);
            model.set(leased, index);
          }
          const held = [0, 1, 2].flatMap((each) => pool.heldBy(kernel(each)));
          expect(held.sort()).toEqual([...model.keys()].sort());
          expect(pool.use().used).toBe(model.size);
        }
        for (const [port, index] of model) pool.release(kernel(index), port);
        await clock.advance(300_000);
        const all = Array.from({ length: 5 }, () => pool.lease(kernel(0)));
        expect(all.sort()).toEqual([100, 101, 102, 103, 104]);
      }),
    );
  });
});

const pool = { first: 30_000, last: 30_003 };

it('finds a pool that outgoing connections take ports of, wholly or in part', () => {
  const whole = { first: 20_000, last: 40_000, reserve: '30000-30003' };
  expect(poolOverlap(pool, { range: '20000\t40000\n', reserved: '\n' })).toEqual(whole);
  expect(poolOverlap(pool, { range: '30003 60999', reserved: '' })).toMatchObject({ first: 30_003 });
  expect(poolOverlap(pool, { range: '20000 40000', reserved: '8080,30000-30002\n' })).toMatchObject({
    reserve: '8080,30000-30002,30000-30003',
  });
});

it('finds nothing where they are apart, reserved, or unknown', () => {
  expect(poolOverlap(pool, { range: '32768 60999', reserved: '' })).toBeNull();
  expect(poolOverlap(pool, { range: '20000 40000', reserved: '8080,30000-30002,30003' })).toBeNull();
  expect(poolOverlap(pool, { range: '', reserved: '' })).toBeNull();
});
