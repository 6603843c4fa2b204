import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseKernelId, parseSessionId } from '../lib/ids.ts';
import { keepFairly } from './fair-share.ts';
import type { NumberedKernelEvent } from './kernel-event.ts';

const kernelOf = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
/** Events of the kernels with these numbers, in this order. */
const history = (kernels: readonly number[]): NumberedKernelEvent[] =>
  kernels.map((number, index) => ({
    sequence: index + 1,
    at: 0,
    event: {
      type: 'kernel-creating',
      kernelId: parseKernelId(kernelOf(number)),
      sessionId: parseSessionId(kernelOf(number)),
    },
  }));
const sequences = (events: readonly NumberedKernelEvent[]) => events.map(({ sequence }) => sequence);
const many = (kernel: number, count: number) => Array.from({ length: count }, () => kernel);

describe('the events that stay', () => {
  it('are the newest when all are of one kernel', () => {
    expect(sequences(keepFairly(history(many(1, 9)), 4))).toEqual([6, 7, 8, 9]);
  });

  it('are all those of the others, and the newest of a kernel that has more than its share', () => {
    const events = history([1, 2, ...many(3, 1000), 1, ...many(3, 1000)]);
    expect(sequences(keepFairly(events, 10))).toEqual([1, 2, 1003, 1997, 1998, 1999, 2000, 2001, 2002, 2003]);
  });

  it('are the newest when there are more kernels than can be told apart, each with a few', () => {
    const events = history(Array.from({ length: 5000 }, (_, index) => index >> 1));
    expect(sequences(keepFairly(events, 1000))).toEqual(Array.from({ length: 1000 }, (_, index) => 4001 + index));
  });

  it('have no more weight than fits, in their order, the newest of a small kernel among them', () => {
    const kernels = fc.array(fc.nat(5), { maxLength: 200 });
    fc.assert(
      fc.property(kernels, fc.integer({ min: 12, max: 100 }), (numbers, capacity) => {
        const events = history(numbers);
        const weight = ({ sequence }: NumberedKernelEvent) => 1 + (sequence % 2);
        const kept = keepFairly(events, capacity, weight);
        expect(kept.reduce((sum, event) => sum + weight(event), 0)).toBeLessThanOrEqual(capacity);
        expect(sequences(kept)).toEqual(sequences(kept).toSorted((a, b) => a - b));
        for (const number of new Set(numbers)) {
          const last = events.findLast(({ event }) => event.kernelId === kernelOf(number));
          expect(kept).toContain(last);
        }
      }),
    );
  });
});
