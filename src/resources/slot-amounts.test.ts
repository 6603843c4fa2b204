import { describe, expect, it } from 'vitest';
import { Decimal } from '../lib/decimal.ts';
import { ResourceError } from './resource-error.ts';
import { formatSlotAmounts, parseSlotAmounts, readResourceRequest, reportedCapacity } from './slot-amounts.ts';
import type { KnownSlots } from './slot-name.ts';

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

describe('what a node reports', () => {
  const amounts = (map: Readonly<Record<string, string>>) =>
    new Map(Object.entries(map).map(([slot, amount]) => [slot, new Decimal(amount)] as const));
  const found = amounts({ cpu: '4', mem: '1024', 'cuda.device': '1' });

  it('is what was found less what is kept back, and never below 0', () => {
    const reserved = amounts({ cpu: '1', 'cuda.device': '2', 'npu.device': '1' });
    expect(formatSlotAmounts(reportedCapacity(found, reserved))).toEqual({ cpu: '3', mem: '1024', 'cuda.device': '0' });
  });

  it.each(['cpu', 'mem'])('cannot be nothing of %s', (slot) => {
    const reserved = new Map([...found].filter(([name]) => name === slot));
    expect(() => reportedCapacity(found, reserved)).toThrow(`The resource slot '${slot}' is not sufficient`);
  });
});

const known: KnownSlots = new Map([
  ['cpu', 'count'],
  ['mem', 'bytes'],
  ['cuda.shares', 'count'],
  ['cuda.device:5g-mig', 'unique'],
]);
const good = { cpu: '2', mem: '1024' };

function refusal(more: Readonly<Record<string, unknown>>): string {
  try {
    readResourceRequest({ ...good, ...more }, known);
  } catch (error) {
    if (error instanceof ResourceError) return `${error.problem.kind}: ${error.message}`;
  }
  return 'accepted';
}

describe('readResourceRequest', () => {
  it('gives every known slot', () => {
    expect(formatSlotAmounts(readResourceRequest({ ...good, 'tpu.device': '0', 'cuda.shares': '0.5' }, known))).toEqual(
      {
        cpu: '2',
        mem: '1024',
        'cuda.shares': '0.5',
        'cuda.device:5g-mig': '0',
      },
    );
  });

  it.each([
    [{ 'tpu.device': '1' }, 'unknown-slot: the node has no slot tpu.device'],
    [{ cpu: '0' }, "invalid-amount: The amount of the slot 'cpu' must be asked for, with more than 0"],
    [{ mem: null }, "invalid-amount: The amount of the slot 'mem' must be asked for, with more than 0"],
    [{ cpu: '0.5' }, "invalid-amount: The amount of the slot 'cpu' must be one core at least, not 0.5"],
    [{ cpu: '-1' }, "invalid-amount: The amount of the slot 'cpu' cannot be below 0, as -1 is"],
    [{ mem: '1.5' }, "invalid-amount: The amount of the slot 'mem' must be whole bytes, not 1.5"],
    [{ mem: 'Infinity' }, "invalid-amount: The amount of the slot 'mem' cannot be Infinity"],
    [
      { 'cuda.device:5g-mig': '0.5' },
      'only-one: a kernel can have 1 of the slot cuda.device:5g-mig, not another amount',
    ],
    [{ cpu: '1e300', 'cuda.shares': '-0.0001' }, /'cuda.shares' cannot be below 0, as -0.0001 is$/],
    [{ 'tpu.device': '-1' }, 'unknown-slot: the node has no slot tpu.device'],
    [{ cpu: '-Infinity' }, "invalid-amount: The amount of the slot 'cpu' cannot be -Infinity"],
    [{ '': '1' }, 'unknown-slot: the node has no slot '],
    [{ cpu: '0', mem: '0', 'cuda.shares': '0' }, /'cpu' must be asked for, with more than 0$/],
  ])('refuses %j', (more, text) => {
    expect(refusal(more)).toEqual(typeof text === 'string' ? text : expect.stringMatching(text));
  });

  it('takes cores with a part, which the map cuts off', () => {
    expect(refusal({ cpu: '1.5' })).toBe('accepted');
  });

  it.each(['NaN', 'nan', 'sNaN', 'x', '', ' ', '0x10', '1e9999', '9'.repeat(300), '1,5', '１'])(
    'refuses %j, which is no number',
    (text) => {
      const refused = () => readResourceRequest({ ...good, cpu: text }, known);
      expect(refused).toThrow('the amount of the slot cpu');
      expect(refused).toThrow('is not a decimal number');
    },
  );

  it.each([[[]], [{}], [true], [() => 1]])('refuses %j, which is no text', (value) => {
    expect(() => readResourceRequest({ ...good, cpu: value }, known)).toThrow(
      "Cannot convert the slot 'cpu' to decimal",
    );
  });

  it('refuses a request for nothing', () => {
    expect(() => readResourceRequest({}, known)).toThrow("'cpu' must be asked for, with more than 0");
  });
});
