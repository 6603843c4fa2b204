/** The vectors of allocation hold most of these texts to upstream's, byte for byte. */
import { expect, it } from 'vitest';
import { Decimal } from '../../lib/decimal.ts';
import { ResourceError } from '../../resources/resource-error.ts';
import { failureParts, failureText } from './rpc-failure.ts';

const insufficient = new ResourceError({
  kind: 'insufficient',
  map: 'discrete',
  lack: 'amount',
  ask: { slot: 'cpu', amount: new Decimal(4), tag: 'cpu' },
  available: new Decimal(3),
});

it('reports an impossible allocation under upstream’s class, in upstream’s words', () => {
  const text =
    "InsufficientResource: DiscretePropertyAllocMap: insufficient allocatable amount! (cpu (tag: 'cpu'), allocating 4 out of 3)";
  expect(failureText(insufficient)).toBe(text);
  expect(failureParts(insufficient).slice(0, 2)).toEqual(['InsufficientResource', `InsufficientResource("${text}")`]);
  expect(failureParts(new ResourceError({ kind: 'unknown-slot', slot: 'tpu.device' })).slice(0, 2)).toEqual([
    'UnsupportedResource',
    "UnsupportedResource('tpu.device')",
  ]);
});

it('uses the class of the code where callers do not know upstream’s', () => {
  const ask = { slot: 'cuda.shares', amount: new Decimal('0.5') };
  const fragmented = new ResourceError({ kind: 'fragmented', ask, candidates: [['gpu0', new Decimal('0.1')]] });
  expect(failureParts(fragmented)[0]).toBe('InsufficientResource');
  expect(failureText(fragmented)).toContain("(cuda.shares, allocating 0.5 from [('gpu0', 0.1)])");
});
