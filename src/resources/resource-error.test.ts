import { expect, it } from 'vitest';
import { Decimal } from '../lib/decimal.ts';
import { ResourceError, type ResourceProblem } from './resource-error.ts';

const ask = { slot: 'mem', amount: new Decimal(2048), type: 'bytes' } as const;
const shares = { slot: 'cuda.shares', amount: new Decimal('0.5') };
const map = 'discrete';
const lack = 'amount';

it.each<readonly [ResourceProblem, string, string, object]>([
  [{ kind: 'unknown-slot', slot: 'x' }, 'INVALID_ARGUMENT', 'the node has no slot x', { slot: 'x' }],
  [
    { kind: 'exclusive-slots', slots: ['a', 'b'] },
    'INVALID_ARGUMENT',
    'a kernel cannot have the slots a and b at once',
    {},
  ],
  [
    { kind: 'only-one', slot: 'x' },
    'INVALID_ARGUMENT',
    'a kernel can have 1 of the slot x, not another amount',
    { slot: 'x' },
  ],
  [{ kind: 'invalid-amount', slot: 'x', problem: 'no' }, 'INVALID_ARGUMENT', 'no', { slot: 'x' }],
  [
    { kind: 'insufficient', map, lack, ask, available: new Decimal(1024) },
    'INSUFFICIENT_RESOURCES',
    'not enough memory: 2 KiB asked for, 1 KiB free',
    { slot: 'mem', requested: '2048', available: '1024' },
  ],
  [
    { kind: 'insufficient', map, lack, ask: { ...shares, slot: 'cpu' }, available: new Decimal(0) },
    'INSUFFICIENT_RESOURCES',
    'not enough CPUs: 0.5 asked for, 0 free',
    { slot: 'cpu', requested: '0.5', available: '0' },
  ],
  [
    { kind: 'fragmented', ask: shares, candidates: [] },
    'INSUFFICIENT_RESOURCES',
    '0.5 of the slot cuda.shares is free on unevenly used devices alone',
    { slot: 'cuda.shares', requested: '0.5' },
  ],
  [
    { kind: 'below-quantum', ask: shares },
    'INVALID_ARGUMENT',
    '0.5 of the slot cuda.shares is less than the smallest share',
    { slot: 'cuda.shares', requested: '0.5' },
  ],
  [
    { kind: 'unknown-device-type', slot: 'x.y', type: 'x', known: 'cpu, mem' },
    'INVALID_CONFIG',
    'no device of the kind x; the node has cpu, mem',
    { slot: 'x.y' },
  ],
  [
    { kind: 'unknown-device-type', slot: 'x.y', type: 'x', known: '' },
    'INVALID_CONFIG',
    'no device of the kind x; the node has none',
    { slot: 'x.y' },
  ],
  [{ kind: 'endless-spread' }, 'INTERNAL', 'too many repeats until allocation', {}],
])('%j is told by %s: %s', (problem, code, message, context) => {
  expect(new ResourceError(problem)).toMatchObject({ problem, code, message, context });
});
