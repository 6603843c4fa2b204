import { expect, it } from 'vitest';
import { formatSlotAmounts, parseSlotAmounts } from './slot-amounts.ts';

it('takes null for absent, and names the slot that it cannot read', () => {
  expect(formatSlotAmounts(parseSlotAmounts({ cpu: '1', mem: null, gpu: 'Infinity', n: 2 }))).toEqual({
    cpu: '1',
    gpu: 'Infinity',
    n: '2',
  });
  for (const bad of ['x', 'NaN', '', '1e99999', [], {}, true]) {
    expect(() => parseSlotAmounts({ cpu: bad })).toThrow('cpu');
  }
});
